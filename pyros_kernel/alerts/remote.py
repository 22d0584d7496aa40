"""Another broker that we listen to, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from pyros_kernel.alerts.framing import MAX_BYTES, Deframer, FramingError, frame
from pyros_kernel.alerts.received import Arrival, NotStored, Receive, Received
from pyros_kernel.alerts.transport_message import greeting, read_greeting
from pyros_kernel.alerts.tree import NotVoevent

logger = logging.getLogger(__name__)

SILENCE_S = 120.0
_CONNECT_S = 20.0
_LONGEST_PAUSE_S = 60.0
_CHUNK = 65536


class Remote:
    """Subscribe to a broker; a :class:`~pyros_kernel.alerts.transport.Service` of the receiver's loop.

    All times are real seconds.

    :param filters: XPath expressions the broker shall filter by
    :param silence_s: without a sign of life for so long, the connection is made again
    """

    def __init__(
        self,
        host: str,
        port: int,
        receive: Receive,
        acknowledged: Callable[[Received], None],
        *,
        local_ivo: str = "ivo://pyros/subscriber",
        filters: Sequence[str] = (),
        silence_s: float = SILENCE_S,
        first_pause_s: float = 1.0,
    ) -> None:
        self._host, self._port = host, port
        self._receive, self._acknowledged = receive, acknowledged
        self._local_ivo, self._filters, self._silence_s = local_ivo, tuple(filters), silence_s
        self._first_pause_s = first_pause_s
        self._last_heard_s: float | None = None
        self.connected = False
        self.problem = ""

    @property
    def name(self) -> str:
        """Where it is: ``host:port``."""
        return f"{self._host}:{self._port}"

    @property
    def heard_age_s(self) -> float | None:
        """Real seconds since its last sign of life; None if there was none."""
        return None if self._last_heard_s is None else time.monotonic() - self._last_heard_s

    def __str__(self) -> str:
        age_s = self.heard_age_s
        heard = "never heard" if age_s is None else f"last heard {age_s:.0f} s ago"
        return f"{self.name}: {heard}" + (f" ({self.problem})" if self.problem else "")

    def open(self) -> None:
        """Nothing is needed beforehand."""

    async def run(self) -> None:
        """Listen, and connect again when it ends, until it is cancelled."""
        pause_s = self._first_pause_s
        while True:
            before = self._last_heard_s
            try:
                await self._listen()
                self.problem = "it closed the connection"
            except TimeoutError:
                self.problem = f"silent for {self._silence_s:g} s" if self.connected else "it does not answer"
            except (OSError, FramingError) as error:
                self.problem = str(error)
            finally:
                self.connected = False
            if self._last_heard_s != before:
                pause_s = self._first_pause_s
            wait_s = pause_s * random.uniform(0.5, 1.0)  # many who lost it must not all come back at once
            logger.warning("broker %s: %s; again in %.1f s", self.name, self.problem, wait_s)
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _listen(self) -> None:
        # Not wait_for(): until Python 3.12 it may swallow the cancellation that ends us.
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=_CHUNK)
        try:
            writer.transport.set_write_buffer_limits(0)  # an acknowledgement goes out before what follows on it
            link = writer.get_extra_info("socket")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self.connected, self.problem = True, ""
            logger.info("listening to broker %s", self.name)
            frames = Deframer(MAX_BYTES)
            while data := await self._read(reader):
                last_byte_s = time.monotonic()
                for raw in frames.feed(data):
                    self._last_heard_s = last_byte_s
                    await self._take(raw, last_byte_s, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(self._silence_s):
            return await reader.read(_CHUNK)

    async def _take(self, raw: bytes, last_byte_s: float, writer: asyncio.StreamWriter) -> None:
        try:
            said = read_greeting(raw)
        except NotVoevent as error:
            logger.warning("broker %s sent what is no XML: %s", self.name, error)
            return
        received = None
        if said is None:
            (outcome,) = self._receive([Arrival(raw, f"remote:{self.name}", last_byte_s)])
            if isinstance(outcome, NotStored):
                return  # not acknowledged: the broker may send it again
            if isinstance(outcome, NotVoevent):
                # A nak would end the subscription with some brokers, and would change nothing.
                logger.warning("refused a packet of %d bytes from %s: %s", len(raw), self.name, outcome)
                origin = outcome.ivorn or self._local_ivo
            else:
                origin = outcome.packet.ivorn
                received = None if outcome.duplicate else outcome
            writer.write(frame(greeting("ack", origin, self._local_ivo)))
        elif said.role in {"iamalive", "authenticate"}:
            filters = self._filters if said.role == "authenticate" else ()
            writer.write(frame(greeting(said.role, said.origin, self._local_ivo, filters)))
        if received is not None:
            received.note("acknowledged")
            try:
                self._acknowledged(received)
            except Exception:  # whatever comes after the acknowledgement must not end the subscription
                logger.exception("what follows on alert %s failed", received.packet.ivorn)
        async with asyncio.timeout(_CONNECT_S):
            await writer.drain()
