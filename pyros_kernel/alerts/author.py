"""One author's connection: frames come in, each is answered by an ack or a nak with the reason.

What several authors bring at the same time is taken together: one sync of the disk serves all of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from pyros_kernel.alerts.allowed import Allowed
from pyros_kernel.alerts.framing import Deframer, FramingError, frame
from pyros_kernel.alerts.interpreter_lock import hurried
from pyros_kernel.alerts.received import Arrival, Outcome, Receive, Received
from pyros_kernel.alerts.transport_message import answer

logger = logging.getLogger(__name__)

# After a refusal what still comes is read and thrown away for so long (real seconds): closing at once would
# make the other side's system drop the reason before it was read.
_LINGER_S = 1.0
_MAX_REFUSALS = 10  # of one connection: whoever sends more of them isn't listening to the reasons
_MAX_WAITING = 64  # packets of one connection: nothing more is read from it until they are taken
_AT_ONCE = 32  # packets taken together: whoever comes next waits for no more than these


@dataclass(slots=True)
class Taker:
    """What all connections of a port share (see :class:`~pyros_kernel.alerts.transport.VtpReceiver`)."""

    receive: Receive
    acknowledged: Callable[[Received], None]
    local_ivo: str
    max_bytes: int
    deadline_s: float
    arrived: Callable[[Author], None]
    left: Callable[[Author], None]
    allowed: Allowed
    strict: bool = False
    _waiting: list[tuple[Author, Arrival]] = field(default_factory=list["tuple[Author, Arrival]"])
    _came: int = 0  # connections and packets so far

    def met(self, author: Author) -> None:
        """Know a new connection; its packet may be here in the loop's next round."""
        self._came += 1
        self.arrived(author)

    def put(self, author: Author, arrival: Arrival) -> None:
        """Take a packet, together with what comes in the loop's next rounds."""
        self._came += 1
        self._waiting.append((author, arrival))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._gather, self._came)

    def _gather(self, came: int) -> None:
        # The loop accepts one connection in each round, a few microseconds: as long as there was one, or a packet,
        # there may be more, and one sync of the disk serves them all.
        if self._came != came and len(self._waiting) < _AT_ONCE:
            asyncio.get_running_loop().call_soon(self._gather, self._came)
        else:
            # Until the last of them is decided about: a cell that went on in between would have to be stopped again.
            with hurried:
                self._take()

    def _take(self) -> None:
        batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._gather, self._came)
        taken = [(author, arrival) for author, arrival in batch if not author.refused]
        new: list[Received] = []
        outcomes = self.receive([arrival for _, arrival in taken]) if taken else []
        for (author, arrival), outcome in zip(taken, outcomes, strict=True):
            if author.answer(arrival, outcome) and isinstance(outcome, Received):
                new.append(outcome)
        for author, _ in batch:
            author.answered()
        for received in new:
            try:
                self.acknowledged(received)
            except Exception:  # whatever comes after the acknowledgement must not end the port
                logger.exception("what follows on alert %s failed", received.packet.ivorn)


class Author(asyncio.Protocol):
    """Serve one connection; any number of packets may come by it, one after the other."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._frames = Deframer(taker.max_bytes)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._source = "vtp:?"
        self._refused = self._ended = False
        self._refusals = self._waiting = 0

    @property
    def refused(self) -> bool:
        """Whether nothing more is taken from it."""
        return self._refused

    def answered(self) -> None:
        """One of its packets waits no longer: read on, or close if that was the last."""
        self._waiting -= 1
        if self._transport is None or self._transport.is_closing():
            return
        if self._ended and not self._waiting:
            self._transport.close()
        elif self._waiting == _MAX_WAITING - 1:
            self._transport.resume_reading()

    def answer(self, arrival: Arrival, outcome: Outcome) -> bool:
        """Say what became of a packet.

        :return: whether it is a new one, about which something is to be done
        """
        if not isinstance(outcome, Received):
            logger.warning("refused a packet of %d bytes from %s: %s", len(arrival.raw), self._source, outcome)
            self._answer(False, outcome.ivorn or self._taker.local_ivo, str(outcome))
            self._refusals += 1
            if self._refusals >= _MAX_REFUSALS:
                self.refuse(f"{self._refusals} packets of this connection were refused")
            return False
        self._answer(True, outcome.packet.ivorn, "received before" if outcome.duplicate else "stored")
        if outcome.duplicate:
            return False
        outcome.note("acknowledged")
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (called by the event loop)."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)  # an answer goes out before what follows on it is done
        peer = transport.get_extra_info("peername") or ("?", 0)
        self._source = f"vtp:{peer[0]}:{peer[1]}"
        self._limit(self._taker.deadline_s)
        self._taker.met(self)
        if not self._taker.allowed(peer[0]):
            self.refuse(f"{peer[0]} is not allowed to bring packets here")

    def data_received(self, data: bytes) -> None:
        """Take bytes (called by the event loop)."""
        last_byte_s = time.monotonic()
        if self._refused:
            return
        try:
            for raw in self._frames.feed(data):
                self._taker.put(self, Arrival(raw, self._source, last_byte_s, self._taker.strict))
                self._waiting += 1
                self._limit(self._taker.deadline_s)
        except FramingError as error:
            self.refuse(str(error))
        if self._waiting >= _MAX_WAITING and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Give up an author that does not read its answers (called by the event loop)."""
        if not self._refused:
            logger.warning("dropped %s: it does not read its answers", self._source)
            self._refused = True
        self.abort()

    def eof_received(self) -> bool:
        """Close when the other side has nothing more to say, and is answered (called by the event loop)."""
        if not self._refused and (pending := self._frames.pending):
            logger.warning("%s closed with %s; nothing was taken from it", self._source, pending)
        self._ended = True
        return self._waiting > 0

    def connection_lost(self, exc: Exception | None) -> None:
        """End (called by the event loop)."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._taker.left(self)

    def refuse(self, reason: str) -> None:
        """Say why nothing more is taken from this connection, and close it."""
        if self._refused:
            return
        self._refused = True
        logger.warning("refused %s: %s", self._source, reason)
        self._answer(False, self._taker.local_ivo, reason)
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()
        self._limit(_LINGER_S)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, ack: bool, origin: str, text: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        # A protocol's time stamp, not an observing matter: the system's time.
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._transport.write(frame(answer(ack, origin, self._taker.local_ivo, now, text)))

    def _limit(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        if self._refused:
            self.abort()
        else:
            pending = self._frames.pending or "no message"
            self.refuse(f"after {self._taker.deadline_s:.0f} s only {pending} had come")
