"""A wire between client and server that remembers what went over it, and can be cut or held."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass, field


@dataclass
class _Pair:
    client: socket.socket
    server: socket.socket


@dataclass
class Proxy:
    """Listen on a free port of the loopback, and pass everything on to another port."""

    target: int
    sent: bytearray = field(default_factory=bytearray)
    _pairs: list[_Pair] = field(default_factory=list[_Pair])
    _held: bool = False
    _closed: bool = False
    _cut_at: tuple[bytes, bool] | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._refuse = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        self._refuse = True
        self._drop()

    def cut_at(self, word: bytes, *, through: bool) -> None:
        """Break the connection once on which the client says a word, before any answer to it comes back.

        :param through: whether the word still reaches the server
        """
        self._cut_at = word, through

    def mend(self) -> None:
        """Take connections again, and pass on what was held."""
        self._refuse = self._held = False

    def hold(self) -> None:
        """Keep the connections, and let nothing through."""
        self._held = True

    def close(self) -> None:
        self._closed = True
        self._thread.join(5)
        self._drop()
        self._listener.close()

    def _run(self) -> None:
        while not self._closed:
            sockets = [self._listener]
            if not self._held:
                sockets += [s for pair in self._pairs for s in (pair.client, pair.server)]
            try:
                readable, _, _ = select.select(sockets, [], [], 0.02)
            except (OSError, ValueError):
                continue
            for one in readable:
                if one is self._listener:
                    self._accept()
                else:
                    self._pass(one)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._refuse:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 2)
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append(_Pair(client, server))

    def _pass(self, one: socket.socket) -> None:
        pair = next((p for p in self._pairs if one in (p.client, p.server)), None)
        if pair is None:
            return
        other = pair.server if one is pair.client else pair.client
        try:
            data = one.recv(262144)
            cut = self._cut_at if one is pair.client and self._cut_at and self._cut_at[0] in data else None
            if one is pair.client and data:
                self.sent += data
            if data and (cut is None or cut[1]):
                other.sendall(data)
            if cut is not None:
                self._cut_at = None
                time.sleep(0.05)  # so that the server reads it before it sees the end
            elif data:
                return
        except OSError:
            pass
        self._end(pair)

    def _end(self, pair: _Pair) -> None:
        with contextlib.suppress(ValueError):
            self._pairs.remove(pair)
        for one in (pair.client, pair.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _drop(self) -> None:
        for _ in range(3):
            for pair in list(self._pairs):
                self._end(pair)
            time.sleep(0.01)
