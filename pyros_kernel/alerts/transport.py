"""The author port: other programs bring VOEvents here, and learn whether they were taken.

It speaks the VOEvent Transport Protocol and knows nothing of what becomes of a packet: two functions are
given to it, and called in its one thread.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

import uvloop

from pyros_kernel.alerts.allowed import EVERYONE, Allowed
from pyros_kernel.alerts.author import Author, Taker
from pyros_kernel.alerts.framing import MAX_BYTES
from pyros_kernel.alerts.interpreter_lock import WAITING_S, claim, release
from pyros_kernel.alerts.received import Receive, Received

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8098
BACKLOG = 1024
SEND_BUFFER = 1 << 16
STOP_DEADLINE_S = 10.0


class CannotListen(Exception):
    """The port can't be opened; the message says which and why."""


class Service(Protocol):
    """Something that lives in the receiver's event loop beside the author port."""

    def open(self) -> None:
        """Take what must be had before it runs, such as a port (called by any thread)."""
        ...

    async def run(self) -> None:
        """Do its work until it is cancelled; then let go of everything."""
        ...


class VtpReceiver:
    """Listen for authors in one daemon thread.

    :param receive: takes packets that came together and makes them durable; gives the outcome of each
        (:meth:`~pyros_kernel.alerts.inbox.AlertInbox.receive_all`)
    :param acknowledged: called after the acknowledgement of a new packet was sent
    :param port: TCP port; 0 for any that is free, None for no author port at all
    :param local_ivo: IVORN under which it answers
    :param max_connections: above it, the oldest connection gives way
    :param deadline_s: how long (real) a connection may take for a message
    :param allowed: who may bring packets
    :param strict: refuse what breaks the schema of VOEvent 2.0
    """

    def __init__(
        self,
        receive: Receive,
        acknowledged: Callable[[Received], None],
        *,
        host: str = "127.0.0.1",
        port: int | None = DEFAULT_PORT,
        local_ivo: str = "ivo://pyros/receiver",
        max_bytes: int = MAX_BYTES,
        max_connections: int = 256,
        deadline_s: float = 20.0,
        allowed: Allowed = EVERYONE,
        strict: bool = False,
    ) -> None:
        self._taker = Taker(
            receive, acknowledged, local_ivo, max_bytes, deadline_s, self._arrived, self._left, allowed, strict
        )
        self._host, self._port, self._max_connections = host, port, max_connections
        self._services: list[Service] = []
        self._authors: dict[Author, None] = {}  # in the order in which they came …
        self._open: dict[Author, None] = {}  # … and those of them that were not told to go
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    @property
    def port(self) -> int:
        """The port it listens on; 0 if there is none."""
        return self._port or 0

    def add(self, service: Service) -> None:
        """Run something else in the same thread, until the end; before or after the start.

        :raises CannotListen: if its port is taken
        """
        service.open()
        self._services.append(service)
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(_serve_one(service), self._loop)

    def start(self) -> None:
        """Begin to listen; the port is open when this returns.

        :raises CannotListen: if it is taken
        """
        if self._thread is not None:
            return
        listener = None if self._port is None else listening_socket(self._host, self._port)
        if listener is not None:
            self._port = int(listener.getsockname()[1])
        claim(WAITING_S)
        self._loop, self._stopping = uvloop.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(
            target=_run, args=(self._loop, self._serve(listener, self._stopping)), name="pyros-vtp", daemon=True
        )
        self._thread.start()
        if listener is not None:
            logger.info("listening for alerts on %s:%d", self._host, self._port)

    def stop(self) -> None:
        """Close the port and all connections; a packet that is being taken is finished first."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        self._thread = self._loop = None
        loop.call_soon_threadsafe(self._stopping.set)
        thread.join(STOP_DEADLINE_S)
        release(WAITING_S)
        if thread.is_alive():
            logger.error("the alert receiver did not stop within %.0f s", STOP_DEADLINE_S)

    async def _serve(self, listener: socket.socket | None, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        server = None
        if listener is not None:
            server = await loop.create_server(partial(Author, self._taker), sock=listener, backlog=BACKLOG)
        for service in self._services:
            _start(service)
        await stopping.wait()
        for task in _tasks():
            task.cancel()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        if server is not None:
            server.close()
            await asyncio.sleep(0)  # a connection that was accepted in this round is made in the next
        # Aborted transports let go of their sockets in the loop's next rounds.
        while self._authors:
            for author in list(self._authors):
                author.abort()
            await asyncio.sleep(0)

    def _arrived(self, author: Author) -> None:
        self._authors[author] = self._open[author] = None
        if len(self._open) > self._max_connections:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.refuse(f"too many connections (more than {self._max_connections}); the oldest gives way")
        if len(self._authors) > 2 * self._max_connections:
            next(iter(self._authors)).abort()

    def _left(self, author: Author) -> None:
        self._authors.pop(author, None)
        self._open.pop(author, None)


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a port.

    :raises CannotListen: if it is taken
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Answers are short: whoever leaves more than this unread is dropped (inherited by connections).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"can't listen for alerts on {host}:{port}: {error.strerror}; is another PyROS or broker running there?"
        ) from error
    return listener


_SERVICE = "pyros-service"


def _start(service: Service) -> None:
    asyncio.get_running_loop().create_task(service.run(), name=_SERVICE)


async def _serve_one(service: Service) -> None:
    _start(service)


def _tasks() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == _SERVICE]


def _run(loop: asyncio.AbstractEventLoop, serve: Coroutine[Any, Any, None]) -> None:
    try:
        loop.run_until_complete(serve)
    finally:
        loop.close()
