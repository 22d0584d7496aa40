"""One subscriber's connection: it is greeted, sent packets, and dropped if it does not listen."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from typing import cast

from pyros_kernel.alerts.allowed import Allowed
from pyros_kernel.alerts.filters import problem_of
from pyros_kernel.alerts.framing import Deframer, FramingError, frame
from pyros_kernel.alerts.transport_message import greeting, is_ack, read_greeting
from pyros_kernel.alerts.tree import NotVoevent

logger = logging.getLogger(__name__)

_MAX_ANSWER = 64 * 1024
_MAX_UNANSWERED = 10  # packets without any acknowledgement between two iamalives


@dataclass(slots=True)
class Circle:
    """What all subscribers of a port share.

    :param max_bytes: how much may wait for one of them
    """

    local_ivo: str
    allowed: Allowed
    max_bytes: int
    max_members: int
    members: dict[Subscriber, None] = field(default_factory=dict["Subscriber", None])


class Subscriber(asyncio.Protocol):
    """Serve one subscriber."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._frames = Deframer(_MAX_ANSWER)
        self._transport: asyncio.Transport | None = None
        self._unanswered = self._unacknowledged = self._acknowledged = 0
        self.filters: tuple[str, ...] = ()
        self.peer = "?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (called by the event loop)."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)  # a packet goes out before the disk is waited for
        peer = transport.get_extra_info("peername") or ("?", 0)
        self.peer = f"{peer[0]}:{peer[1]}"
        self._circle.members[self] = None
        link = transport.get_extra_info("socket")
        if link is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._circle.allowed(peer[0]):
            self.drop("it is not allowed to subscribe")
        elif len(self._circle.members) > self._circle.max_members:
            self.drop(f"there are {self._circle.max_members} subscribers already")
        else:
            self._transport.write(frame(greeting("authenticate", self._circle.local_ivo)))

    def data_received(self, data: bytes) -> None:
        """Take answers (called by the event loop)."""
        try:
            for raw in self._frames.feed(data):
                self._hear(raw)
        except (FramingError, NotVoevent) as error:
            self.drop(str(error))

    def eof_received(self) -> bool:
        """Close when the other side has nothing more to say (called by the event loop)."""
        if pending := self._frames.pending:
            logger.warning("subscriber %s closed with %s", self.peer, pending)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End (called by the event loop)."""
        self._transport = None
        self._circle.members.pop(self, None)

    @property
    def waiting(self) -> int:
        """How many packets it has neither acknowledged nor refused."""
        return self._unacknowledged

    def send(self, data: bytes) -> None:
        """Send a framed packet, unless too much waits already."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(data) > self._circle.max_bytes:
            self.drop(f"more than {self._circle.max_bytes} bytes wait for it: it does not read")
            return
        self._unacknowledged += 1
        transport.write(data)

    def look(self, alive: bytes) -> None:
        """Drop it if it did not answer since the last look; else ask whether it is alive."""
        if self._unanswered:
            self.drop("it did not answer the last iamalive")
        elif self._unacknowledged >= _MAX_UNANSWERED and not self._acknowledged:
            self.drop(f"it acknowledged none of {self._unacknowledged} packets")
        elif self._transport is not None and not self._transport.is_closing():
            self._unanswered, self._acknowledged = 1, 0
            self._transport.write(alive)

    def drop(self, why: str) -> None:
        """Close at once, whatever still waits for it.

        :param why: for the log; empty at the end of the service
        """
        if why and self._transport is not None and not self._transport.is_closing():
            logger.warning("dropped subscriber %s: %s", self.peer, why)
        if self._transport is not None:
            self._transport.abort()

    def _hear(self, raw: bytes) -> None:
        if is_ack(raw):
            self._heard_ack()
            return
        said = read_greeting(raw)
        if said is None:
            raise NotVoevent("it sent something that is no answer")
        if said.role == "ack":
            self._heard_ack()
        elif said.role == "nak":
            # It has its reasons not to want this packet; the next one may be welcome.
            self._heard_ack()
            logger.info("subscriber %s refused %s", self.peer, said.origin)
        elif said.role == "iamalive":
            self._unanswered = 0
        elif said.role == "authenticate":
            if problem := problem_of(said.filters):
                raise NotVoevent(problem)
            self.filters = said.filters
            if said.filters:
                logger.info("subscriber %s wants %s", self.peer, "; ".join(said.filters))

    def _heard_ack(self) -> None:
        self._acknowledged += 1
        self._unacknowledged = max(0, self._unacknowledged - 1)
