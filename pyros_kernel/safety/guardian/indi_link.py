"""A connection to an INDI server that is read only when something is asked: no thread, one device."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat
from xml.sax.saxutils import quoteattr  # nosec B406

from pyros_kernel.safety.guardian.patience import Patience, Said, Silent

_MAX_BYTES = 1_000_000  # of an element, and of what is read at one look
_CONNECTION = "CONNECTION"


@dataclass(frozen=True, slots=True)
class Vector:
    """A property of the device.

    :param values: text by member
    :param heard: number of the message that was the last of it
    :param said_s: when the driver set it, or told something new of it (unix seconds)
    """

    state: str = ""
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    heard: int = 0
    said_s: float = 0.0
    sets: int = 0

    def on(self, member: str) -> bool:
        """Tell whether a switch is on; one that isn't there is off."""
        return self.values.get(member) == "On"

    def number(self, member: str) -> float:
        """Give a number; NaN if there is none."""
        try:
            return float(self.values.get(member, "nan"))
        except ValueError:
            return math.nan


class IndiLink:
    """Ask a device for its properties, and set its switches, connecting anew where that fails.

    What it said is kept from one connection to the next: old values told anew are not new.

    :param name: of the device in the store
    :param device: its name on the server
    """

    def __init__(
        self, name: str, where: tuple[str, int], device: str, now_s: Callable[[], float], timeout_s: float
    ) -> None:
        self._name, self._where, self._device = name, where, device
        self._now_s, self._timeout_s = now_s, timeout_s
        self._patience = Patience(name)
        self._socket: socket.socket | None = None
        self._parser: _Parser | None = None
        self._vectors: dict[str, Vector] = {}
        self._count, self._message = 0, ""

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        return self._patience.silent_since_s

    def ask(self, *names: str, urgent: bool = False) -> list[Vector]:
        """Have the driver tell properties anew; one that it does not have comes empty, but for the first.

        :raises Silent: if it does not answer in time, or was silent a moment ago
        """
        self._patience.check(urgent=urgent)
        with self._told():
            self._stand()
            before = self._count
            self._send(b"".join(self._get(name) for name in names if name == names[0] or name in self._vectors))
            self._read(lambda: self._vector(names[0]).heard > before)
        return [self._vector(name) for name in names]

    def switch(self, name: str, member: str) -> None:
        """Turn a switch on, and the others of its vector off.

        :raises Silent: if the driver says nothing to that
        :raises Said: if it refuses
        """
        with self._told():
            self._stand()
            if name not in self._vectors:
                self._send(self._get(name))
                self._read(lambda: name in self._vectors)
            before, self._message = self._vector(name).sets, ""
            rest = dict.fromkeys(self._vector(name).values, "Off")
            ones = "".join(
                f"<oneSwitch name={quoteattr(key)}>{word}</oneSwitch>" for key, word in {**rest, member: "On"}.items()
            )
            head = f"<newSwitchVector device={quoteattr(self._device)} name={quoteattr(name)}>"
            self._send(f"{head}{ones}</newSwitchVector>\n".encode())
            self._read(lambda: self._vector(name).sets > before)
        if self._vector(name).state == "Alert":
            raise Said(f"{self._name}: {name} is in alert: {self._message or 'the driver does not say why'}")

    def close(self) -> None:
        """Give the connection back; the next question makes a new one."""
        link, self._socket = self._socket, None
        if link is not None:
            link.close()

    def _vector(self, name: str) -> Vector:
        return self._vectors.get(name, Vector())

    def _get(self, name: str) -> bytes:
        return f"<getProperties version='1.7' device={quoteattr(self._device)} name={quoteattr(name)}/>\n".encode()

    def _stand(self) -> None:
        if self._socket is not None:
            return
        self._socket = socket.create_connection(self._where, self._timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser, before = _Parser(self._take), self._count  # what came before is no answer
        self._socket.sendall(f"<getProperties version='1.7' device={quoteattr(self._device)}/>\n".encode())
        self._read(lambda: self._vector(_CONNECTION).heard > before)
        if not self._vector(_CONNECTION).on("CONNECT"):
            self.switch(_CONNECTION, "CONNECT")

    def _send(self, data: bytes) -> None:
        assert self._socket is not None  # _stand() made it, or raised
        self._socket.settimeout(self._timeout_s)
        self._socket.sendall(data)

    def _read(self, ready: Callable[[], bool]) -> None:
        """Read until ``ready``, and whatever else has come by then."""
        assert self._socket is not None and self._parser is not None
        deadline, size = time.monotonic() + self._timeout_s, 0
        while True:
            left_s = deadline - time.monotonic()
            if not ready() and left_s <= 0:
                raise TimeoutError(f"no answer within {self._timeout_s} s")
            self._socket.settimeout(0.0 if ready() else left_s)
            try:
                chunk = self._socket.recv(65536)
            except BlockingIOError:
                return
            if not chunk:
                raise ConnectionError("it hung up")
            size += len(chunk)
            if size > _MAX_BYTES:
                raise ConnectionError("it talks without end")
            self._parser.feed(chunk)

    def _take(self, tag: str, head: Mapping[str, str], values: Mapping[str, str]) -> None:
        if head.get("device") != self._device:
            return
        self._count += 1
        self._message = head.get("message") or self._message
        name = head.get("name", "")
        if tag == "delProperty":
            if not name:
                self._vectors.clear()
                raise ConnectionError("the driver is gone")
            self._vectors.pop(name, None)
        elif tag[:3] in ("def", "set") and tag.endswith("Vector") and not tag.endswith("BLOBVector"):
            old = self._vectors.get(name)
            new = replace(
                old or Vector(),
                state=head.get("state", "" if old is None else old.state),
                values={**({} if old is None else old.values), **values},
                heard=self._count,
            )
            told = tag[:3] == "set"
            fresh = told or old is None or (new.values, new.state) != (old.values, old.state)
            self._vectors[name] = replace(new, sets=new.sets + told, said_s=self._now_s() if fresh else new.said_s)

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        """Make what fails on the wire the device's silence; what comes late on it answers nothing."""
        try:
            yield
        except (OSError, expat.ExpatError) as error:
            self.close()
            self._patience.lost()
            raise Silent(f"{self._name}: {error or type(error).__name__}") from error
        self._patience.heard()


class _Parser:
    """Turn INDI's stream into vectors.

    The stream has no root, so it is given one: a document type can't stand inside, nor entities or external files.
    """

    def __init__(self, take: Callable[[str, Mapping[str, str], Mapping[str, str]], None]) -> None:
        self._take, self._depth, self._size = take, 0, 0
        self._head: tuple[str, dict[str, str]] = ("", {})
        self._member, self._text = "", [""]
        self._values: dict[str, str] = {}
        self._expat = expat.ParserCreate("UTF-8")
        self._expat.StartElementHandler, self._expat.EndElementHandler = self._start, self._end
        self._expat.CharacterDataHandler = self._text.append
        self._expat.Parse("<indi>")

    def feed(self, data: bytes) -> None:
        """Take bytes in.

        :raises expat.ExpatError: if they are no XML
        :raises ConnectionError: if one element has no end
        """
        self._size += len(data)
        if self._size > _MAX_BYTES:
            raise ConnectionError("an element has no end")
        self._expat.Parse(data)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._text.clear()
        if self._depth == 2:
            self._head, self._values = (tag, attributes), {}
        elif self._depth == 3:
            self._member = attributes.get("name", "")

    def _end(self, _tag: str) -> None:
        if self._depth == 3:
            self._values[self._member] = "".join(self._text).strip()
        elif self._depth == 2:
            self._size = 0
            self._take(*self._head, self._values)
        self._text.clear()
        self._depth -= 1
