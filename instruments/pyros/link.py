"""One TCP connection to a device that speaks the PyROS language."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from instruments.errors import InstrumentError, NotConnected, ProtocolError, Rejected, Timeout
from instruments.pulse import Pulse
from instruments.pyros.answer import Answer, parse_answer
from instruments.pyros.grammar import GrammarError, grammar
from instruments.pyros.line import Command, command, format_command
from instruments.pyros.pending import Pending
from instruments.pyros.stream import LineStream
from instruments.pyros.values import check_answer

logger = logging.getLogger(__name__)

_NEVER_MOVED = frozenset({"refused", "busy", "range"})
_MAX_UNANSWERED = 1000
_MAX_ANSWER_BYTES = 65536
_SEND_TIMEOUT_S = 2


class LineLink:
    """Send commands and hand out their answers by id, so that a call never waits behind another.

    A link lives once: from :meth:`open` until it is closed or lost.

    :param device: name of the device, for errors
    :param word: the device's word in the grammar
    :param describe: gives the last known state in words, with its age
    :param on_lost: called once with the link and the reason when it has ended, from whichever thread saw it
    """

    def __init__(
        self,
        device: str,
        word: str,
        describe: Callable[[], str],
        on_lost: Callable[[LineLink, InstrumentError], None],
    ) -> None:
        self._heartbeat = command(word, "GET", "HEARTBEAT")
        self._device, self._describe, self._on_lost = device, describe, on_lost
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting: dict[str, Pending] = {}
        self._ids = itertools.count(1)

    @property
    def up(self) -> bool:
        """Whether the link stands."""
        return self._socket is not None

    def open(self, host: str, port: int, timeout_s: float) -> None:
        """Connect.

        :raises NotConnected: if nobody answers there
        """
        try:
            link = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            what = f"nobody answers at {host}:{port} ({error})"
            raise NotConnected(self._device, "connect", what, self._describe()) from error
        link.settimeout(None)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A device that stops reading must not hold a sender for ever.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0))
        self._socket = link
        self._thread = threading.Thread(target=self._read, args=(link,), name=f"pyros-link-{self._device}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the connection back; who still waits gets NotConnected."""
        self._drop("the link was closed by this side")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)

    def send(self, *commands: Command) -> list[Pending]:
        """Send commands in one go, without waiting for an answer in between.

        :raises NotConnected: if the link does not stand, or breaks now
        """
        waiting = {f"{next(self._ids):x}": Pending(asked) for asked in commands}
        lines = [format_command(replace(one.asked, request_id=key)) for key, one in waiting.items()]
        what = "there is no link; connect() first"
        with self._lock:
            if self._socket is not None and len(self._waiting) < _MAX_UNANSWERED:
                # Known before they are sent: an answer may be back at once.
                self._waiting.update(waiting)
                try:
                    self._socket.sendall(b"".join(lines))
                except OSError as error:
                    what = f"the link broke ({error})"
                else:
                    sent_s = time.monotonic()
                    for one in waiting.values():
                        one.sent_monotonic_s = sent_s
                    return list(waiting.values())
            elif self._socket is not None:
                what = f"{_MAX_UNANSWERED} commands wait for an answer; the link was given up"
        self._drop(what)
        raise NotConnected(self._device, str(commands[0]), what, self._describe())

    def result(self, waiting: Pending, timeout_s: float) -> Answer:
        """Wait for the answer.

        :param timeout_s: real seconds
        :raises Timeout: if none came
        :raises Rejected: if the device said no
        :raises ProtocolError: if the device did not understand, or can't be understood
        :raises NotConnected: if the link was lost meanwhile
        """
        if not waiting.done.wait(timeout_s):
            raise self._error(Timeout, waiting.asked, f"no answer within {timeout_s:g} s")
        if waiting.error is not None:
            raise waiting.error
        answer = waiting.answer
        assert answer is not None  # done is set only with an answer or an error
        if not answer.ok:
            kind = Rejected if answer.code in _NEVER_MOVED else ProtocolError
            raise self._error(kind, waiting.asked, f"{answer.code}: {answer.text}")
        return answer

    def ask(self, asked: Command, timeout_s: float) -> Answer:
        """Send a command and wait for its answer; errors as in :meth:`result`."""
        return self.result(self.send(asked)[0], timeout_s)

    def _error(self, kind: type[InstrumentError], asked: Command, what: str) -> InstrumentError:
        return kind(self._device, str(asked), what, self._describe())

    def _read(self, link: socket.socket) -> None:
        why = "the device closed the link"
        pulse = Pulse(self._send_heartbeat)
        stream = LineStream(link, pulse.look)
        try:
            while line := stream.readline(_MAX_ANSWER_BYTES):
                if not line.endswith(b"\n"):
                    cut = len(line) == _MAX_ANSWER_BYTES
                    raise GrammarError("syntax", "an answer without end" if cut else "an answer cut off")
                waiting, answer = self._match(line[:-1])
                if waiting is None:
                    # Of an answer that came twice, the payload comes twice too.
                    stream.read(_payload_bytes(answer), pulse.heard)
                    continue
                pulse.heard()
                if answer.ok and waiting.asked.entry.payload:
                    check_answer(waiting.asked.entry.answer, answer.values)
                    size = _payload_bytes(answer)
                    waiting.payload = stream.read(size, pulse.heard)
                    if len(waiting.payload) < size:
                        break
                self._deliver(waiting, answer)
        except TimeoutError as error:
            why = f"the device is {error}"
        except OSError as error:
            why = f"the link broke ({error})"
        except GrammarError as error:
            logger.warning("%s: answer not understood: %s", self._device, error)
            self._drop(f"the device talks nonsense: {error}", ProtocolError)
            return
        self._drop(why)

    def _send_heartbeat(self) -> None:
        # Nobody waits for its answer: that any comes is enough.
        with contextlib.suppress(NotConnected):
            self.send(self._heartbeat)

    def _match(self, line: bytes) -> tuple[Pending | None, Answer]:
        answer = parse_answer(line)
        with self._lock:
            # A device that knows no ids answers in order.
            request_id = answer.request_id or next(iter(self._waiting), "")
            waiting = self._waiting.pop(request_id, None)
        if waiting is None:
            logger.warning("%s: an answer that nobody asked for: %.80r", self._device, line)
        return waiting, answer

    def _deliver(self, waiting: Pending, answer: Answer) -> None:
        waiting.answer = answer
        if answer.ok:
            try:
                check_answer(waiting.asked.entry.answer, answer.values)
            except GrammarError as error:
                waiting.error = self._error(ProtocolError, waiting.asked, str(error))
        waiting.done.set()

    def _drop(self, why: str, kind: type[InstrumentError] = NotConnected) -> None:
        with self._lock:
            link, self._socket = self._socket, None
            waiting, self._waiting = list(self._waiting.values()), {}
        if link is None:
            return
        # Wakes the reader.
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        link.close()
        for one in waiting:
            one.error = self._error(kind, one.asked, why)
            one.done.set()
        self._on_lost(self, kind(self._device, "link", why, self._describe()))


def _payload_bytes(answer: Answer) -> int:
    size = answer.values.get("bytes", 0)
    if not isinstance(size, int) or not 0 <= size <= grammar().max_payload_bytes:
        raise GrammarError("range", f"a payload of {size} bytes")
    return size
