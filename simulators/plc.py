"""A PLC that is not there: the site's sensors and contacts behind one controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings, Site
from simulators.device import Handler, Params, Reply, settings_of
from simulators.sensors import Sensors
from simulators.weather import CONTACTS, QUANTITIES, Climate, Weather

_SAFE = {"rain": False, "mains": True, "emergency_stop": False}
_WHY = {"rain": "rain", "mains": "no mains power", "emergency_stop": "emergency stop pressed"}


@dataclass(frozen=True, slots=True)
class PlcSettings(Climate):
    """What a simulated PLC can be told: the climate of its site, and itself.

    :param sensor_period_s: how often each sensor is read
    """

    sensor_period_s: float = 2.0


class SimulatedPlc:
    """Report weather and contacts.

    :param clock: the device's
    :param site: where it stands
    :param settings: see :class:`PlcSettings`
    :param seed: of the weather
    :param weather: what it measures; its own, by its settings, if left out
    """

    def __init__(self, clock: Clock, site: Site, settings: Settings, seed: int, weather: Weather | None = None) -> None:
        self._clock = clock
        self._set = settings_of(PlcSettings, settings, "plc")
        names = tuple(dict.fromkeys((*QUANTITIES, *CONTACTS)))
        self.sensors = Sensors(clock, weather or Weather(site, self._set, seed), names, self._set.sensor_period_s)
        self._born_s = clock.unix_s()

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("GET", "WEATHER"): lambda p: Reply(self.weather()),
            ("GET", "SAFETY"): self._safety,
        }

    def weather(self) -> Mapping[str, object]:
        """Give each value with the time at which its sensor was read."""
        return self.sensors.read()

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        return Reply({"time": iso_ms(now), "state": "running", "uptime": round(now - self._born_s, 3)})

    def _safety(self, params: Params) -> Reply:
        readings: Any = self.weather()
        reasons = [_WHY[name] for name, safe in _SAFE.items() if readings[name]["value"] != safe]
        oldest = min(readings[name]["time"] for name in _SAFE)
        return Reply({"time": oldest, "safe": not reasons, "reasons": reasons})


@dataclass(frozen=True, slots=True)
class StationSettings:
    """What a simulated weather station can be told.

    :param sensor_period_s: how often each sensor is read
    """

    sensor_period_s: float = 5.0


class SimulatedWeatherStation:
    """Report the same weather as the PLC, by sensors of its own.

    :param clock: the device's
    :param settings: see :class:`StationSettings`
    :param weather: what it measures
    """

    def __init__(self, clock: Clock, settings: Settings, weather: Weather) -> None:
        own = settings_of(StationSettings, settings, "weather_station")
        self.sensors = Sensors(clock, weather, QUANTITIES, own.sensor_period_s)

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {("GET", "WEATHER"): lambda p: Reply(self.sensors.read())}
