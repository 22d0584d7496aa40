"""The port of one simulated device: lines in, lines out."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import cast

from instruments.pyros.answer import format_error, format_ok
from instruments.pyros.grammar import GrammarError, grammar
from instruments.pyros.line import parse_command, request_id_of
from simulators.device import Refusal, Reply, SimulatedDevice

logger = logging.getLogger(__name__)

MAX_LINKS = 64
_LINGER_S = 1.0


class DevicePort:
    """Listen for one device on the loopback, and serve every client that connects.

    :param name: the device's name
    :param word: the device's word in the grammar
    :param device: what serves its commands
    :param port: where to listen; 0 for any free port, which is then kept
    """

    def __init__(self, name: str, word: str, device: SimulatedDevice, port: int) -> None:
        self.name, self.word, self.device, self.port = name, word, device, port
        self.muted = False
        self.links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None

    @property
    def listening(self) -> bool:
        """Whether clients can connect."""
        return self._listener is not None

    def start(self) -> None:
        """Open the port; nothing happens if it is open.

        :raises OSError: if somebody else holds it
        """
        if self._listener is not None:
            return
        # asyncio switches Nagle off only where the protocol is named; without that an answer may take 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(MAX_LINKS)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self.port = int(listener.getsockname()[1])
        self._opening = asyncio.get_running_loop().create_task(self._serve(listener))

    def stop(self) -> None:
        """Close the port and cut all links."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if self._opening is not None:
            self._opening.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        listener.close()
        for link in list(self.links):
            link.cut()

    def answer(self, line: bytes) -> tuple[bytes, bytes]:
        """Give the answer line and the payload to a command line."""
        request_id = request_id_of(line)
        try:
            asked = parse_command(line)
            if asked.device != self.word:
                raise GrammarError("unknown", f"word 1: this port serves {self.word}, not {asked.device}")
            reply = self.device.handlers[asked.action, asked.operation](asked.values)
        except (GrammarError, Refusal) as error:
            return format_error(request_id, error.code, error.text), b""
        except Exception:
            # A fault of one simulated device must not end the others.
            logger.exception("%s: fault while serving %.80r", self.name, line)
            return format_error(request_id, "fault", "the simulator failed; its log says why"), b""
        return self._ok(request_id, reply)

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Link(self), sock=listener)

    @staticmethod
    def _ok(request_id: str | None, reply: Reply) -> tuple[bytes, bytes]:
        return format_ok(request_id, reply.values), reply.payload


class _Link(asyncio.Protocol):
    """One client's connection: cut its bytes into lines, answer each in turn."""

    def __init__(self, port: DevicePort) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._full = False
        self._refused = False
        self._max_bytes = grammar().max_line_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if len(self._port.links) >= MAX_LINKS:
            logger.warning("%s: more than %d links; one refused", self._port.name, MAX_LINKS)
            self._refuse("busy", f"{MAX_LINKS} links are open already")
            return
        self._port.links.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.links.discard(self)
        if self._buffer:
            logger.info("%s: link ended within a line: %.60r", self._port.name, bytes(self._buffer))
        self._buffer.clear()

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            self._buffer += data
            self._work()

    def pause_writing(self) -> None:
        # The client does not read its answers: no more of its lines are taken until it does.
        self._full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
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
            if self._port.muted:
                continue
            if not line.strip():
                continue
            answer, payload = self._port.answer(line)
            transport.write(answer + payload)

    def _refuse(self, code: str, text: str) -> None:
        logger.warning("%s: link closed: %s", self._port.name, text)
        self._refused = True
        self._buffer.clear()
        if self._transport is not None:
            self._transport.write(format_error(None, code, text))
            self._transport.write_eof()
            # What still comes is thrown away for a while: closing at once would take the answer with it.
            asyncio.get_running_loop().call_later(_LINGER_S, self._transport.abort)
