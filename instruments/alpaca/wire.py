"""The requests of an Alpaca device, with a deadline each.

alpyca's own requests hold one lock for all devices of the process until the answer is there, so that one mute device
would hold up another's abort; its classes therefore send through this.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import struct
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, cast

import numpy as np
import requests
from numpy.typing import NDArray
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from instruments.errors import Failed, InstrumentError, NotConnected, ProtocolError, Rejected, Timeout

# The reserved error numbers of the Alpaca API reference.
_REJECTED = {0x400, 0x401, 0x402, 0x408, 0x409, 0x40B, 0x40C, 0x40D}
NOT_IMPLEMENTED, _NOT_CONNECTED, _CANCELLED = 0x400, 0x407, 0x40E
_MAX_BYTES = 1 << 30
_CHUNK = 1 << 18
_IMAGE_HEADER = struct.Struct("<11i")
_PIXELS = {1: np.int16, 2: np.int32, 3: np.float64, 4: np.float32, 6: np.uint8, 7: np.int64, 8: np.uint16, 9: np.uint32}


class NotThere(Rejected):
    """The device does not have what it was asked for, and never will."""


class Wire:
    """Send requests to one device.

    :param name: name of the device in the store
    :param url: ``http://host:port/api/v1/telescope/0``
    :param describe: gives the last known state in words, with its age
    """

    def __init__(self, name: str, url: str, describe: Callable[[], str]) -> None:
        self._name, self._url, self._describe = name, url, describe
        self._session = requests.Session()
        self._session.trust_env = False  # an observatory's devices are not behind a proxy
        self._ids, self._client = itertools.count(1), random.randrange(1, 65536)
        self._local = threading.local()

    @contextlib.contextmanager
    def deadline(self, what: str, timeout_s: float) -> Generator[None, None, None]:
        """Give all requests of this thread, inside the context, one deadline together.

        :param what: the command in words, for errors
        """
        self._local.what, self._local.end = what, time.monotonic() + timeout_s
        try:
            yield
        finally:
            self._local.what, self._local.end = "", 0.0

    def get(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        """Read; tried once more if the link broke, because reading changes nothing.

        :raises InstrumentError: as its reaction asks for
        """
        answer = self._value("GET", attribute, data)
        if "Value" not in answer:
            raise self._error(ProtocolError, attribute, "the answer has no Value")
        return answer["Value"]

    def put(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        """Act or set; never tried again.

        :raises InstrumentError: as its reaction asks for
        """
        return self._value("PUT", attribute, data)

    def image(self) -> NDArray[np.generic]:
        """Fetch the image as ImageBytes.

        :return: counts, shape (rows, columns)
        :raises InstrumentError: as its reaction asks for
        """
        headers = {"Accept": "application/imagebytes"}
        body = self._exchange("GET", "imagearray", params=self._identified({}), headers=headers)
        if body[:1] == b"{":
            self._checked("imagearray", body)
            raise self._error(ProtocolError, "imagearray", "the image came as JSON, not as ImageBytes")
        try:
            _, error, _, _, start, _, element, rank, columns, rows, _ = _IMAGE_HEADER.unpack_from(body)
            if error:
                self._raise(error, "imagearray", body[start:].decode(errors="replace"))
            if rank != 2:
                raise ValueError(f"it has {rank} axes, not 2")
            pixels = np.frombuffer(body, _PIXELS[element], columns * rows, start)
        except (ValueError, KeyError, struct.error) as error:
            raise self._error(ProtocolError, "imagearray", f"no ImageBytes: {error!r}") from None
        # ImageBytes counts the columns slowest: [x][y].
        return pixels.reshape(columns, rows).T

    def close(self) -> None:
        """Give the connections back."""
        for adapter in self._session.adapters.values():
            if not isinstance(adapter, HTTPAdapter):
                continue
            pools: Any = adapter.poolmanager.pools
            keys = pools.keys()  # it can't be iterated over itself
            for key in keys:
                pools[key].close()
        self._session.close()

    def _identified(self, data: dict[str, object]) -> dict[str, str]:
        return {
            "ClientID": str(self._client),
            "ClientTransactionID": str(next(self._ids)),
            **{k: str(v) for k, v in data.items()},
        }

    def _value(self, method: str, attribute: str, data: dict[str, object]) -> dict[str, Any]:
        words = self._identified(data)
        how = {"params" if method == "GET" else "data": words}
        answer = self._checked(attribute, self._exchange(method, attribute, **how))
        # A server that knows no ids says 0, or nothing.
        theirs = str(answer.get("ClientTransactionID", 0))
        if theirs not in ("0", words["ClientTransactionID"]):
            raise self._error(ProtocolError, attribute, f"an answer to another request (number {theirs[:20]})")
        return answer

    def _exchange(self, method: str, attribute: str, **how: Any) -> bytes:
        try:
            return self._exchange_once(method, attribute, **how)
        except NotConnected:
            if method != "GET":
                raise  # whether it was done nobody knows
        return self._exchange_once(method, attribute, **how)

    def _exchange_once(self, method: str, attribute: str, **how: Any) -> bytes:
        left_s = self._local.end - time.monotonic()
        if left_s <= 0:
            raise self._error(Timeout, attribute, "no time is left for it")
        status, body = 0, b""
        try:
            with self._session.request(
                method, f"{self._url}/{attribute}", timeout=left_s, stream=True, allow_redirects=False, **how
            ) as response:
                status, body = response.status_code, self._body(response)
            failure = None
        except requests.Timeout as error:
            failure = Timeout, f"no answer in time ({_brief(error)})"
        except ReadTimeoutError:
            failure = Timeout, "the answer stopped half way"
        except (requests.RequestException, HTTPError) as error:
            failure = NotConnected, f"nobody answers at {self._url} ({_brief(error)})"
        if failure is not None:
            # Outside the except: requests' errors hold on to their connections.
            raise self._error(failure[0], attribute, failure[1])
        if len(body) > _MAX_BYTES:
            raise self._error(ProtocolError, attribute, f"an answer of more than {_MAX_BYTES} bytes")
        if status != 200:
            raise self._error(ProtocolError, attribute, f"HTTP {status}: {body[:200].decode(errors='replace')}")
        return body

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        # Not iter_content: it waits for a whole chunk, and each byte of a trickle gives it a new time-out.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            body += part
            if len(body) > _MAX_BYTES:
                break
            if time.monotonic() > self._local.end:
                raise requests.Timeout("the answer has no end")
        return bytes(body)

    def _checked(self, attribute: str, body: bytes) -> dict[str, Any]:
        try:
            answer: object = json.loads(body, parse_constant=_refuse_constant)
            if not isinstance(answer, dict):
                raise ValueError("no JSON object")
            number, text = int(answer.get("ErrorNumber", 0)), str(answer.get("ErrorMessage", ""))
        except (ValueError, TypeError, RecursionError) as error:
            raise self._error(ProtocolError, attribute, f"the answer is not Alpaca's: {error}") from None
        if number:
            self._raise(number, attribute, text)
        return cast("dict[str, Any]", answer)

    def _raise(self, number: int, attribute: str, text: str) -> None:
        if number == NOT_IMPLEMENTED:
            raise self._error(NotThere, attribute, text or "not implemented")
        kind = Rejected if number in _REJECTED else NotConnected if number == _NOT_CONNECTED else Failed
        raise self._error(kind, attribute, f"{text or 'no reason given'} (error 0x{number:x})")

    def _error(self, kind: type[InstrumentError], attribute: str, what: str) -> InstrumentError:
        return kind(self._name, f"{self._local.what} ({attribute})", what, self._describe())


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no value")


def _brief(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    return str(reason).split(">: ")[-1][:120]
