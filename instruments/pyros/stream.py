"""Lines and payloads out of a socket, with a look at the clock in between."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

_CHUNK = 65536


class LineStream:
    """Read from a socket, and call somebody regularly while nothing comes, or no end of it.

    :param link: the connected socket
    :param beat: called from the thread that reads, says in how many real seconds to call it again; may raise OSError to
        end the reading
    """

    def __init__(self, link: socket.socket, beat: Callable[[], float]) -> None:
        self._link, self._beat = link, beat
        self._poll = select.poll()
        self._poll.register(link, select.POLLIN)
        self._buffer = bytearray()
        self._next_s = time.monotonic() + beat()

    def readline(self, limit: int) -> bytes:
        """Read a line with its newline; less than a line where the link ends, or after ``limit`` bytes.

        :raises OSError: if the link breaks
        """
        looked = 0
        while (end := self._buffer.find(b"\n", looked)) < 0 and len(self._buffer) < limit:
            looked = len(self._buffer)
            if not self._more():
                end = len(self._buffer) - 1
                break
        return self._take(min(end + 1 if end >= 0 else limit, limit))

    def read(self, size: int, got: Callable[[], None]) -> bytes:
        """Read ``size`` bytes; fewer where the link ends.

        :param got: called for each piece that has come
        :raises OSError: if the link breaks
        """
        while len(self._buffer) < size and self._more():
            got()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> bool:
        while True:
            left_s = self._next_s - time.monotonic()
            ready = self._poll.poll(max(left_s, 0.0) * 1000)
            if self._next_s <= time.monotonic():
                self._next_s = time.monotonic() + self._beat()
            if ready:
                data = self._link.recv(_CHUNK)
                self._buffer += data
                return bool(data)
