"""The simulators' own port: trouble on demand, for tests and drills."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.device import Handler, Params, Refusal, Reply
from simulators.player import Player, sensors_of, value_of
from simulators.server import DevicePort
from simulators.sky import stars_around
from simulators.weather import Weather

logger = logging.getLogger(__name__)

_MOST_STARS = 100  # so many fit into a line of the language


class SimulatorControl:
    """Serve the SIMULATOR section of the grammar.

    :param clock: the shared clock
    :param ports: the devices' ports by name; filled by the host
    :param weather: of the site
    :param player: of scenarios
    """

    def __init__(self, clock: Clock, ports: Mapping[str, DevicePort], weather: Weather, player: Player) -> None:
        self._clock, self._ports, self._weather, self._player = clock, ports, weather, player

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("GET", "CLOCK"): self._tell_clock,
            ("GET", "STARS"): self._stars,
            ("SET", "WEATHER"): self._force,
            ("DO", "FAULT"): self._fault,
            ("DO", "HEAL"): self._heal,
            ("DO", "EVENT"): self._event,
            ("DO", "CLEAR"): self._clear,
            ("DO", "FREEZE"): lambda p: self._freeze(p, True),
            ("DO", "THAW"): lambda p: self._freeze(p, False),
            ("DO", "STOP"): self._stop,
            ("DO", "START"): lambda p: self._opening(self._port(p), self._port(p).start),
            ("DO", "MUTE"): lambda p: self._mute(p, True),
            ("DO", "UNMUTE"): lambda p: self._mute(p, False),
        }

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        devices = {
            name: {
                "kind": p.word.lower(),
                "port": p.port,
                "listening": p.listening,
                "muted": p.muted,
                "links": len(p.links),
                "faults": p.faults.names,
            }
            for name, p in self._ports.items()
        }
        sensors = {name: sensors_of(port) for name, port in self._ports.items()}
        return Reply(
            {
                "time": iso_ms(now),
                "devices": devices,
                "forced": self._weather.forced.values(now),
                "frozen": [name for name, one in sensors.items() if one is not None and one.frozen],
                "events": self._player.left,
                "longitude": self._player.longitude_deg,
            }
        )

    def _tell_clock(self, params: Params) -> Reply:
        try:
            words = self._clock.to_words()
        except ValueError as error:
            raise Refusal("refused", str(error)) from None
        return Reply({"time": iso_ms(self._clock.unix_s()), "words": words})

    def _stars(self, params: Params) -> Reply:
        ra_deg, dec_deg, radius_deg = (float(params[name]) for name in ("ra", "dec", "radius"))
        stars = stars_around(ra_deg, dec_deg, radius_deg)
        cosine = np.cos(np.radians(dec_deg))
        east = (stars.ra_deg - ra_deg + 180) % 360 - 180
        near = np.flatnonzero(np.hypot(east * cosine, stars.dec_deg - dec_deg) <= radius_deg)
        chosen = near[np.argsort(stars.vis_mag[near], kind="stable")][:_MOST_STARS]
        columns = {"ra": (stars.ra_deg, 5), "dec": (stars.dec_deg, 5), "mag": (stars.vis_mag, 2)}
        return Reply({"stars": {name: np.round(c[chosen], d).tolist() for name, (c, d) in columns.items()}})

    def _force(self, params: Params) -> Reply:
        name = str(params["name"])
        value = value_of(name, params["value"])
        if value is None:
            self._weather.forced.free(name)
        else:
            self._weather.force(name, value, self._clock.unix_s())
        logger.info("weather forced: %s = %s", name, params["value"])
        return Reply()

    def _fault(self, params: Params) -> Reply:
        value = None if params["value"] == "usual" else float(params["value"])
        self._port(params).spoil(str(params["fault"]), value, int(params["seed"]))
        return Reply()

    def _heal(self, params: Params) -> Reply:
        everyone = str(params["name"]).lower() == "all"
        for port in [p for p in self._ports.values() if p.device is not self] if everyone else [self._port(params)]:
            self._opening(port, port.heal)
        return Reply()

    def _event(self, params: Params) -> Reply:
        self._player.plan(float(params["delay"]), str(params["key"]), params["value"], float(params["ramp"]))
        return Reply()

    def _clear(self, params: Params) -> Reply:
        self._player.clear()
        return Reply()

    def _freeze(self, params: Params, freeze: bool) -> Reply:
        name = self._port(params).name
        sensors = sensors_of(self._ports[name])
        if sensors is None:
            raise Refusal("refused", f"{name} is no PLC; only a PLC or a weather station can be frozen")
        if freeze:
            sensors.freeze()
        else:
            sensors.thaw()
        return Reply()

    def _stop(self, params: Params) -> Reply:
        self._port(params).stop()
        return Reply()

    def _opening(self, port: DevicePort, do: Callable[[], None]) -> Reply:
        try:
            do()
        except OSError as error:
            raise Refusal("refused", f"port {port.port} of {port.name} can't be opened: {error}") from None
        return Reply()

    def _mute(self, params: Params, muted: bool) -> Reply:
        self._port(params).muted = muted
        return Reply()

    def _port(self, params: Params) -> DevicePort:
        name = str(params["name"]).lower()
        by_name = {known.lower(): port for known, port in self._ports.items()}
        port = by_name.get(name)
        if port is None or port.device is self:
            known = ", ".join(n for n, p in self._ports.items() if p.device is not self)
            raise Refusal("refused", f"no device {name!r} is simulated here; there are: {known}")
        return port
