"""The simulators' own port: trouble on demand, for tests and drills."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.device import Handler, Params, Refusal, Reply
from simulators.plc import SimulatedPlc
from simulators.server import DevicePort

logger = logging.getLogger(__name__)

_CONTACTS = ("rain", "mains", "emergency_stop")


class SimulatorControl:
    """Serve the SIMULATOR section of the grammar.

    :param clock: the shared clock
    :param ports: the devices' ports by name; filled by the host
    """

    def __init__(self, clock: Clock, ports: Mapping[str, DevicePort]) -> None:
        self._clock, self._ports = clock, ports

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("SET", "WEATHER"): self._weather,
            ("DO", "FREEZE"): lambda p: self._freeze(p, True),
            ("DO", "THAW"): lambda p: self._freeze(p, False),
            ("DO", "STOP"): self._stop,
            ("DO", "START"): self._start,
            ("DO", "MUTE"): lambda p: self._mute(p, True),
            ("DO", "UNMUTE"): lambda p: self._mute(p, False),
        }

    def _status(self, params: Params) -> Reply:
        devices = {
            name: {"port": p.port, "listening": p.listening, "muted": p.muted, "links": len(p.links)}
            for name, p in self._ports.items()
        }
        forced = {name: value for plc in self._plcs().values() for name, value in plc.forced.items()}
        frozen = [name for name, plc in self._plcs().items() if plc.frozen]
        return Reply({"time": iso_ms(self._clock.unix_s()), "devices": devices, "forced": forced, "frozen": frozen})

    def _weather(self, params: Params) -> Reply:
        name, value = str(params["name"]), params["value"]
        if not self._plcs():
            raise Refusal("refused", "no PLC is simulated here")
        if value != "auto" and (name in _CONTACTS) != isinstance(value, str):
            kind = "true or false" if name in _CONTACTS else "a number"
            raise Refusal("range", f"{name} takes {kind}, or auto, not {value}")
        for plc in self._plcs().values():
            if value == "auto":
                plc.forced.pop(name, None)
            else:
                plc.forced[name] = value == "true" if isinstance(value, str) else float(value)
        logger.info("weather forced: %s = %s", name, value)
        return Reply()

    def _freeze(self, params: Params, freeze: bool) -> Reply:
        name = self._port(params).name
        plc = self._plcs().get(name)
        if plc is None:
            raise Refusal("refused", f"{name} is no PLC; only a PLC can be frozen")
        if freeze:
            plc.freeze()
        else:
            plc.thaw()
        return Reply()

    def _stop(self, params: Params) -> Reply:
        self._port(params).stop()
        return Reply()

    def _start(self, params: Params) -> Reply:
        port = self._port(params)
        try:
            port.start()
        except OSError as error:
            raise Refusal("refused", f"port {port.port} of {port.name} can't be opened: {error}") from None
        return Reply()

    def _mute(self, params: Params, muted: bool) -> Reply:
        self._port(params).muted = muted
        return Reply()

    def _port(self, params: Params) -> DevicePort:
        name = str(params["name"]).lower()
        port = self._ports.get(name)
        if port is None or port.device is self:
            known = ", ".join(n for n, p in self._ports.items() if p.device is not self)
            raise Refusal("refused", f"no device {name!r} is simulated here; there are: {known}")
        return port

    def _plcs(self) -> dict[str, SimulatedPlc]:
        return {name: p.device for name, p in self._ports.items() if isinstance(p.device, SimulatedPlc)}
