"""A PLC that is not there: weather that follows the day, and contacts."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings, Site
from simulators.device import Handler, Params, Reply, settings_of

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class PlcSettings:
    """What a simulated PLC can be told.

    :param temperature_c: mean air temperature
    :param humidity_pct: mean relative humidity
    :param wind_m_s: mean wind
    :param cloud_pct: mean cloud cover
    :param sensor_period_s: how often each sensor is read
    """

    temperature_c: float = 8.0
    humidity_pct: float = 35.0
    wind_m_s: float = 4.0
    cloud_pct: float = 8.0
    sensor_period_s: float = 2.0


class SimulatedPlc:
    """Report weather as a smooth, seeded function of the clock's time, safe unless forced.

    :param clock: the shared clock
    :param site: gives the local hour and the air pressure
    :param settings: see :class:`PlcSettings`
    :param seed: of the weather
    """

    def __init__(self, clock: Clock, site: Site, settings: Settings, seed: int) -> None:
        self._clock, self._site = clock, site
        self._set = settings_of(PlcSettings, settings, "plc")
        dice = random.Random(seed)
        self._waves = [[(dice.uniform(1500, 12000), dice.uniform(0, 2 * math.pi)) for _ in range(3)] for _ in range(5)]
        self._born_s = clock.unix_s()
        self._frozen_s: float | None = None
        self.forced: dict[str, float | bool] = {}
        self._frozen: Mapping[str, object] = {}

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {("GET", "STATUS"): self._status, ("GET", "WEATHER"): lambda p: Reply(self.weather())}

    @property
    def frozen(self) -> bool:
        """Whether values and times stand still."""
        return self._frozen_s is not None

    def freeze(self) -> None:
        """Let values and their times stand still."""
        if self._frozen_s is None:
            self._frozen = self.weather()
            self._frozen_s = self._clock.unix_s()

    def thaw(self) -> None:
        """Go on."""
        self._frozen_s = None

    def weather(self) -> Mapping[str, object]:
        """Give each value with the time at which its sensor was read."""
        if self._frozen_s is not None:
            return self._frozen
        now, period = self._clock.unix_s(), self._set.sensor_period_s
        readings: dict[str, object] = {}
        for i, name in enumerate(self._values(now)):
            # Sensors are read one after the other, so each has a time of its own.
            read_s = math.floor(now / period) * period - i * period / 10
            readings[name] = {"value": self.forced.get(name, self._values(read_s)[name]), "time": iso_ms(read_s)}
        return readings

    def _values(self, unix_s: float) -> dict[str, float | bool]:
        hour = (unix_s / _DAY_S + self._site.longitude_deg / 360) * 2 * math.pi
        warmth = -math.cos(hour - math.radians(30))  # warmest two hours after noon
        temperature, humidity, pressure, wind, cloud = (self._wave(i, unix_s) for i in range(5))
        wind_m_s = self._set.wind_m_s * (1 + 0.35 * wind)
        # Barometric formula of the International Standard Atmosphere.
        mean_hpa = 1013.25 * (1 - 2.25577e-5 * self._site.elevation_m) ** 5.25588
        return {
            "temperature": round(self._set.temperature_c + 5 * warmth + temperature, 2),
            "humidity": round(min(max(self._set.humidity_pct - 10 * warmth + 5 * humidity, 2), 100), 1),
            "pressure": round(mean_hpa + 1.5 * pressure, 1),
            "wind_speed": round(max(wind_m_s, 0.0), 2),
            "wind_gust": round(max(wind_m_s * 1.4, 0.0), 2),
            "rain": False,
            "cloud": round(min(max(self._set.cloud_pct * (1 + cloud), 0.0), 100.0), 1),
            "mains": True,
            "emergency_stop": False,
        }

    def _wave(self, i: int, unix_s: float) -> float:
        return sum(math.sin(2 * math.pi * unix_s / period + phase) for period, phase in self._waves[i]) / 3

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s() if self._frozen_s is None else self._frozen_s
        return Reply({"time": iso_ms(now), "state": "running", "uptime": round(now - self._born_s, 3)})
