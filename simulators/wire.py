"""One client's connection to a simulated device: bytes in, lines out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container
from typing import Protocol, cast

from instruments.pyros.answer import format_error
from instruments.pyros.grammar import grammar
from simulators.faults import Sent

logger = logging.getLogger(__name__)

MAX_LINKS = 64
_LINGER_S = 1.0


class Served(Protocol):
    """What a connection asks of the port that it belongs to."""

    name: str
    muted: bool
    links: set[Link]

    @property
    def faults(self) -> Container[str]:
        """Give the names of the faults that are on."""
        ...

    def answer(self, line: bytes) -> Sent:
        """Give what goes back for a command line."""
        ...

    def after(self, real_s: float, do: Callable[[], object]) -> None:
        """Do something later, unless the port is closed before."""
        ...


class Link(asyncio.Protocol):
    """One client's connection: cut its bytes into lines, answer each in turn."""

    def __init__(self, port: Served) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._full = False
        self._refused = False
        self.deaf = False
        self._max_bytes = grammar().max_line_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        if len(self._port.links) >= MAX_LINKS:
            logger.warning("%s: more than %d links; one refused", self._port.name, MAX_LINKS)
            self._refuse("busy", f"{MAX_LINKS} links are open already")
            return
        self._port.links.add(self)
        if "storm" in self._port.faults:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._port.links.discard(self)
        if self._buffer:
            logger.info("%s: link ended within a line: %.60r", self._port.name, bytes(self._buffer))
        self._buffer.clear()

    def data_received(self, data: bytes) -> None:
        """Answer what has come to the end of a line."""
        if not self._refused:
            self._buffer += data
            self._work()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        # The client does not read its answers: no more of its lines are taken until it does.
        self._full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with a client that reads again."""
        self._full = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._work()

    def cut(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _work(self) -> None:
        transport = self._transport
        while transport is not None and not self._full and not self._refused and not transport.is_closing():
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) > self._max_bytes:
                    self._refuse("syntax", f"the line is longer than {self._max_bytes} bytes")
                return
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._port.muted or self.deaf or not line.strip():
                continue
            self._send(transport, self._port.answer(line))

    def _send(self, transport: asyncio.Transport, sent: Sent) -> None:
        if sent.delay_s:
            self._port.after(sent.delay_s, lambda: transport.write(sent.data))
            return
        transport.write(sent.data)
        if sent.cut:
            # Half an answer shall still arrive: close, not abort.
            transport.close()

    def _refuse(self, code: str, text: str) -> None:
        logger.warning("%s: link closed: %s", self._port.name, text)
        self._refused = True
        self._buffer.clear()
        if self._transport is not None:
            self._transport.write(format_error(None, code, text))
            self._transport.write_eof()
            # What still comes is thrown away for a while: closing at once would take the answer with it.
            asyncio.get_running_loop().call_later(_LINGER_S, self._transport.abort)
