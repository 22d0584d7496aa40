"""The guardian's ear: a socket in the data directory, on which the kernel's heart beats."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Generator
from pathlib import Path

NAME = "guardian.sock"
_MAX_BYTES = 4096


class Ear:
    """Listen for heartbeats, and answer each with what the guardian says.

    Only this user can connect: the socket lies in the data directory, mode 600.  The last one who said HELLO is
    listened to; whoever was before is told so by the end of his connection.

    :param directory: the data directory
    :param answer: what each heartbeat is answered with
    """

    def __init__(self, directory: Path, answer: Callable[[], dict[str, object]]) -> None:
        self._answer = answer
        self._selector = selectors.DefaultSelector()
        self._path = directory / NAME
        self._listener = _listen(directory)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._commander: socket.socket | None = None
        self._said: dict[socket.socket, bytes] = {}
        self.who = ""
        self.heard_s = time.monotonic()
        self.hung_up = False  # the commander's connection ended: its process is gone
        self.word = ""  # RELEASE or RELIEVE, once somebody said so

    def listen(self, seconds: float) -> None:
        """Take in what comes for so many real seconds."""
        end_s, before = time.monotonic() + seconds, self.word
        while self.word == before:
            events = self._selector.select(max(0.0, end_s - time.monotonic()))
            for key, _ in events:
                if key.fileobj is self._listener:
                    self._meet()
                else:
                    assert isinstance(key.fileobj, socket.socket)  # nothing else is registered
                    self._read(key.fileobj)
            if time.monotonic() >= end_s:
                return

    def silent_s(self) -> float:
        """Tell how long nobody was heard, real seconds."""
        return time.monotonic() - self.heard_s

    def close(self) -> None:
        """Stop listening."""
        for link in list(self._said):
            self._forget(link)
        self._selector.close()
        self._listener.close()
        # A successor may listen under this name already: its file is not ours to remove.
        if self.word != "RELIEVE":
            self._path.unlink(missing_ok=True)

    def _meet(self) -> None:
        with contextlib.suppress(OSError):
            link, _ = self._listener.accept()
            link.setblocking(False)
            self._said[link] = b""
            self._selector.register(link, selectors.EVENT_READ)

    def _read(self, link: socket.socket) -> None:
        try:
            chunk = link.recv(_MAX_BYTES)
        except OSError:
            chunk = b""
        said = self._said[link] + chunk
        if not chunk or len(said) > _MAX_BYTES:
            self._forget(link)
            return
        *lines, self._said[link] = said.split(b"\n")
        for line in lines:
            self._take(link, line.decode("utf-8", "replace"))

    def _take(self, link: socket.socket, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "HELLO":
            if self._commander not in (None, link):
                self._forget(self._commander)
            self._commander, self.who, self.hung_up = link, rest, False
        elif word in ("RELEASE", "RELIEVE"):
            self.word = word
        if link is self._commander:
            self.heard_s = time.monotonic()
        with contextlib.suppress(OSError):
            link.sendall(json.dumps(self._answer()).encode() + b"\n")

    def _forget(self, link: socket.socket | None) -> None:
        if link is None or link not in self._said:
            return
        if link is self._commander:
            self._commander, self.hung_up = None, True
        del self._said[link]
        self._selector.unregister(link)
        link.close()


def connect(directory: Path, timeout_s: float) -> socket.socket:
    """Connect to the guardian of a data directory.

    :raises OSError: if none listens there
    """
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(timeout_s)
    try:
        with _named(directory) as name:
            link.connect(name)
    except OSError:
        link.close()
        raise
    return link


def _listen(directory: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        (directory / NAME).unlink(missing_ok=True)
        with _named(directory) as name:
            listener.bind(name)
        (directory / NAME).chmod(0o600)
        listener.listen(8)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _named(directory: Path) -> Generator[str]:
    # A socket's name holds 107 characters at most, a data directory may be deeper: go by way of a descriptor.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
