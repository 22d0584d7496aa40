"""The port of one simulated device: lines in, lines out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from typing import cast

from instruments.pyros.answer import format_error
from instruments.pyros.grammar import GrammarError
from instruments.pyros.line import Command, parse_command, request_id_of
from instruments.pyros.values import iso_ms
from simulators.device import Handler, Params, Refusal, Reply, SimulatedDevice
from simulators.faults import Faults, Sent
from simulators.pace import DeviceClock
from simulators.wire import MAX_LINKS, Link

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"


class DevicePort:
    """Listen for one device, and serve every client that connects.

    :param name: the device's name
    :param word: the device's word in the grammar
    :param device: what serves its commands
    :param port: where to listen; 0 for any free port, which is then kept
    :param clock: the device's
    :param listen: this machine's address on which it is reached
    """

    def __init__(
        self, name: str, word: str, device: SimulatedDevice, port: int, clock: DeviceClock, listen: str = LOOPBACK
    ) -> None:
        self.name, self.word, self.device, self.port, self._clock = name, word, device, port, clock
        self._listen = listen
        self.faults = Faults(clock)
        self.muted = False
        self.links: set[Link] = set()
        self._session, self._started_s = "", 0.0
        self._handlers = {**device.handlers, ("GET", "HEARTBEAT"): self._heartbeat}
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None
        self._later: set[asyncio.TimerHandle] = set()

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return self._handlers

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
            listener.bind((self._listen, self.port))
            listener.listen(MAX_LINKS)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self.port = int(listener.getsockname()[1])
        self._session, self._started_s = secrets.token_hex(4), self._clock.true_s()
        self._opening = asyncio.get_running_loop().create_task(self._serve(listener))

    def stop(self) -> None:
        """Close the port and cut all links."""
        for timer in self._later:
            timer.cancel()
        self._later.clear()
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

    def spoil(self, fault: str, value: float | None, seed: int) -> None:
        """Let the device misbehave until :meth:`heal`.

        :param fault: one of those that the grammar names
        :param value: how much of it; the usual measure if left out
        :param seed: of what chance decides
        """
        logger.info("%s: fault %s begins", self.name, fault)
        self.faults.set(fault, value, seed)
        if fault == "half_open":
            for link in self.links:
                link.deaf = True
        elif fault == "storm":
            for link in list(self.links):
                link.cut()
        elif fault == "crash":
            again_s = self.faults.value("crash")
            self.stop()
            self.after(again_s, self.start)

    def heal(self) -> None:
        """End all faults.

        :raises OSError: if somebody else holds the port of a crashed device
        """
        crashed = "crash" in self.faults
        self.faults.heal()
        if crashed:
            self.start()

    def after(self, real_s: float, do: Callable[[], object]) -> None:
        """Do something later, unless the port is closed before."""

        def now() -> None:
            self._later.discard(timer)
            do()

        timer = asyncio.get_running_loop().call_later(real_s, now)
        self._later.add(timer)

    def answer(self, line: bytes) -> Sent:
        """Give what goes back for a command line."""
        request_id = request_id_of(line)
        heartbeat = False
        try:
            asked = parse_command(line)
            if asked.device != self.word:
                raise GrammarError("unknown", f"word 1: this port serves {self.word}, not {asked.device}")
            heartbeat = asked.operation == "HEARTBEAT"
            reply = self._act(asked)
            data = self.faults.line(request_id, reply) + reply.payload
        except (GrammarError, Refusal) as error:
            data = format_error(request_id, error.code, error.text)
        except Exception:
            # A fault of one simulated device must not end the others.
            logger.exception("%s: fault while serving %.80r", self.name, line)
            data = format_error(request_id, "fault", "the simulator failed; its log says why")
        return self.faults.wire(heartbeat, data)

    def _act(self, asked: Command) -> Reply:
        if self.faults.refuses(asked.action):
            raise Refusal("refused", "a drill: this device refuses everything")
        key = asked.action, asked.operation
        reply = self._handlers[key](asked.values)
        stop_s = self.faults.stops_after(float(cast("float", reply.values.get("eta", 0.0)))) if key[0] == "DO" else None
        if stop_s is not None:
            self._clock.stick(stop_s)  # a timer alone may come late, when all is over
            self.after(stop_s / self._clock.speed, self._stop_short)
        return self.faults.reply(key, reply)

    def _stop_short(self) -> None:
        self._handlers["DO", "ABORT"]({})
        self._clock.loosen()

    def _heartbeat(self, params: Params) -> Reply:
        now = self._clock.true_s()
        return Reply({"time": iso_ms(now), "session": self._session, "uptime": round(now - self._started_s, 3)})

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self), sock=listener)
