"""An INDI wire that misbehaves as drivers and servers do."""

from __future__ import annotations

import contextlib
import queue
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from xml.etree import ElementTree

_HEAD = re.compile(rb"\s*<(\w+)([^>]*)>")
_STATE = re.compile(rb"""state=(['"])\w*\1""")
_NUMBER = re.compile(rb"(<(?:def|one)Number\b[^>]*>)[^<]*(<)")
_CRASH_S, _ON_THE_WAY_S, _SLOW_S = 1.0, 0.3, 0.5


def elements(buffer: bytearray) -> list[bytes]:
    """Take the whole elements off a stream's beginning."""
    found: list[bytes] = []
    while head := _HEAD.match(buffer):
        end = head.end()
        if not head[2].endswith(b"/"):
            close = b"</" + head[1] + b">"
            at = buffer.find(close, end)
            if at < 0:
                break
            end = at + len(close)
        found.append(bytes(buffer[:end]))
        del buffer[:end]
    return found


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.deaf = False
        self._lock = threading.Lock()
        self.late: queue.SimpleQueue[tuple[float, bytes] | None] = queue.SimpleQueue()

    def say(self, data: bytes) -> None:
        with self._lock:
            self.client.sendall(data)

    def deliver(self) -> None:
        """Say what was said before, late; one after the other, but none later than the one before."""
        while (one := self.late.get()) is not None:
            time.sleep(max(one[0] - time.monotonic(), 0.0))
            with contextlib.suppress(OSError):
                self.say(one[1])

    def cut(self) -> None:
        for one in (self.client, self.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class IndiSpoiler:
    """Pass a client and a server on to each other, until a fault begins.

    :param target: the server's port
    :param device: the device that misbehaves
    :param motion: its property that moves; empty for a sensor
    """

    def __init__(self, target: int, device: str, motion: str) -> None:
        self._target, self._device, self._motion = target, device.encode(), motion.encode()
        self._fault, self._dice = "", random.Random(7)
        self._busy = False
        self._members: dict[bytes, tuple[str, dict[str, str]]] = {}
        self._pairs: list[_Pair] = []
        self._threads: list[threading.Thread] = []
        self._until_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._begin(self._accept)

    def fault(self, name: str) -> None:
        """Begin to misbehave."""
        self._busy, self._fault = False, name
        if name in ("half_open", "mute"):
            for pair in self._pairs:
                pair.deaf = True
        if name in ("storm", "crash"):
            self._until_s = time.monotonic() + _CRASH_S
            for pair in list(self._pairs):
                pair.cut()

    def heal(self) -> None:
        """Behave."""
        self._busy, self._fault, self._until_s = False, "", 0.0
        for pair in self._pairs:
            if pair.deaf:
                pair.cut()  # what it has missed is missed

    def close(self) -> None:
        """End."""
        self.heal()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            pair.cut()
        for thread in self._threads:
            thread.join(5)

    def _begin(self, do: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=do, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._fault == "storm" or (self._fault == "crash" and time.monotonic() < self._until_s):
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target), 5)
            for one in (client, server):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(client, server)
            pair.deaf = self._fault == "mute"
            self._pairs.append(pair)
            self._begin(self._up, pair)
            self._begin(self._down, pair)
            self._begin(pair.deliver)

    def _up(self, pair: _Pair) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := pair.client.recv(65536):
                buffer += data
                for element in elements(buffer):
                    if not pair.deaf and not self._swallowed(pair, element):
                        pair.server.sendall(element)
        pair.cut()

    def _down(self, pair: _Pair) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := pair.server.recv(262144):
                buffer += data
                for element in elements(buffer):
                    if not pair.deaf:
                        self._pass(pair, element)
        pair.cut()
        pair.late.put(None)
        with contextlib.suppress(ValueError):
            self._pairs.remove(pair)
        pair.client.close()
        pair.server.close()

    def _mine(self, element: bytes) -> bytes | None:
        head = element[: element.find(b">")]
        device, name = (re.search(rb"""\b%s=(['"])(.*?)\1""" % key, head) for key in (b"device", b"name"))
        return name[2] if device and name and device[2] == self._device else None

    def _swallowed(self, pair: _Pair, element: bytes) -> bool:
        name = self._mine(element) if element.lstrip().startswith(b"<new") else None
        if name is None or name not in self._members:
            return False
        if self._fault == "refuse" and name != b"CONNECTION":
            pair.say(self._set(name, "Alert") + b"<message device='%s' message='[ERROR] a drill'/>" % self._device)
            return True
        if self._fault in ("stick", "stop_short", "lie") and name == self._motion:
            self._busy = True
            pair.say(self._set(name, "Busy"))
            if self._fault == "stop_short":
                time.sleep(_ON_THE_WAY_S)
            if self._fault != "stick":
                self._busy = False
                pair.say(self._set(name, "Ok"))
            return True
        return False

    def _set(self, name: bytes, state: str) -> bytes:
        kind, members = self._members[name]
        ones = "".join(f"<one{kind} name='{key}'>{text}</one{kind}>" for key, text in members.items())
        head = f"<set{kind}Vector device='{self._device.decode()}' name='{name.decode()}' state='{state}'>"
        return f"{head}{ones}</set{kind}Vector>\n".encode()

    def _pass(self, pair: _Pair, element: bytes) -> None:
        name, fault = self._mine(element), self._fault
        if name is not None and b"BLOB" not in element[:30]:
            self._remember(name, element)
            if fault == "nan":
                element = _NUMBER.sub(rb"\1nan\2", element)
            if fault == "frozen":
                if element.lstrip().startswith(b"<set"):
                    return  # it measures no more, and says the old when asked
                element = self._set(name, "Ok").replace(b"<set", b"<def").replace(b"</set", b"</def")
                element = element.replace(b"<one", b"<def").replace(b"</one", b"</def")
            if self._busy and name == self._motion:
                element = _STATE.sub(b"state='Busy'", element, count=1)
        match fault:
            case "slow":
                pair.late.put((time.monotonic() + _SLOW_S, element))
                return
            case "drop":
                self._fault = ""  # once: the next link shall live
                pair.say(element[: len(element) // 2])
                pair.cut()
                return
            case "half_line":
                pair.deaf = True
                element = element[: len(element) // 2]
            case "garbage":
                element = self._dice.randbytes(len(element))
            case "twice":
                element += element
            case _:
                pass
        pair.say(element)

    def _remember(self, name: bytes, element: bytes) -> None:
        if self._fault == "frozen":
            return
        tree = ElementTree.fromstring(element)
        kind = tree.tag.removeprefix("def").removeprefix("set").removesuffix("Vector")
        if tree.tag.endswith("Vector"):
            self._members[name] = kind, {one.attrib["name"]: (one.text or "").strip() for one in tree}
