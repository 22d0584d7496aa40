"""The weather itself: what all sensors of one site measure."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.config import Site

_DAY_S = 86400.0
_KEPT = 64  # moments: all sensors of a site, asked again before they measure again
CONTACTS = ("rain", "mains", "emergency_stop")
QUANTITIES = ("temperature", "humidity", "pressure", "wind_speed", "wind_gust", "rain", "cloud")

Value = float | bool


@dataclass(frozen=True, slots=True)
class Climate:
    """What the weather of a site can be told.

    :param temperature_c: mean air temperature
    :param humidity_pct: mean relative humidity
    :param wind_m_s: mean wind
    :param cloud_pct: mean cloud cover
    """

    temperature_c: float = 8.0
    humidity_pct: float = 35.0
    wind_m_s: float = 4.0
    cloud_pct: float = 8.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """A value that goes evenly from one to another, and stays there."""

    start: Value
    end: Value
    start_s: float
    ramp_s: float

    def at(self, unix_s: float) -> Value:
        """Tell the value at a moment."""
        if isinstance(self.end, bool) or isinstance(self.start, bool) or self.ramp_s <= 0:
            return self.end
        if unix_s >= self.start_s + self.ramp_s:
            return self.end
        return self.start + (self.end - self.start) * max(unix_s - self.start_s, 0.0) / self.ramp_s


class Forced:
    """Values that a scenario or a hand forces, by name."""

    def __init__(self) -> None:
        self._ramps: dict[str, Ramp] = {}

    def force(self, name: str, value: Value, old: Value, unix_s: float, ramp_s: float = 0.0) -> None:
        """Let a value go from what it is to another.

        :param old: what it would be now if nobody forced it
        """
        start = self._ramps[name].at(unix_s) if name in self._ramps else old
        self._ramps[name] = Ramp(start, value, unix_s, ramp_s)

    def free(self, name: str | None = None) -> None:
        """Give one value back, or all."""
        if name is None:
            self._ramps.clear()
        else:
            self._ramps.pop(name, None)

    def at(self, name: str, unix_s: float, otherwise: Value) -> Value:
        """Tell the forced value; what it is otherwise, if nobody forces it."""
        ramp = self._ramps.get(name)
        return otherwise if ramp is None else ramp.at(unix_s)

    def values(self, unix_s: float) -> dict[str, Value]:
        """Tell all that is forced now."""
        return {name: ramp.at(unix_s) for name, ramp in self._ramps.items()}


class Weather:
    """Be a smooth, seeded function of time, safe unless forced.

    :param site: gives the local hour and the air pressure
    :param climate: see :class:`Climate`
    :param seed: of the weather
    """

    def __init__(self, site: Site, climate: Climate, seed: int) -> None:
        self._site, self._climate = site, climate
        dice = random.Random(seed)
        self._waves = [[(dice.uniform(1500, 12000), dice.uniform(0, 2 * math.pi)) for _ in range(3)] for _ in range(5)]
        self._known: dict[float, dict[str, Value]] = {}
        self.forced = Forced()

    def force(self, name: str, value: Value, unix_s: float, ramp_s: float = 0.0) -> None:
        """Let a quantity be ``value``, after a ramp."""
        self.forced.force(name, value, self._natural(unix_s)[name], unix_s, ramp_s)

    def at(self, unix_s: float) -> dict[str, Value]:
        """Tell all quantities and contacts at a moment."""
        return {name: self.forced.at(name, unix_s, value) for name, value in self._natural(unix_s).items()}

    def _natural(self, unix_s: float) -> dict[str, Value]:
        known = self._known.get(unix_s)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[unix_s] = self._computed(unix_s)
        return known

    def _computed(self, unix_s: float) -> dict[str, Value]:
        hour = (unix_s / _DAY_S + self._site.longitude_deg / 360) * 2 * math.pi
        warmth = -math.cos(hour - math.radians(30))  # warmest two hours after noon
        temperature, humidity, pressure, wind, cloud = (self._wave(i, unix_s) for i in range(5))
        wind_m_s = self._climate.wind_m_s * (1 + 0.35 * wind)
        # Barometric formula of the International Standard Atmosphere.
        mean_hpa = 1013.25 * (1 - 2.25577e-5 * self._site.elevation_m) ** 5.25588
        return {
            "temperature": round(self._climate.temperature_c + 5 * warmth + temperature, 2),
            "humidity": round(min(max(self._climate.humidity_pct - 10 * warmth + 5 * humidity, 2), 100), 1),
            "pressure": round(mean_hpa + 1.5 * pressure, 1),
            "wind_speed": round(max(wind_m_s, 0.0), 2),
            "wind_gust": round(max(wind_m_s * 1.4, 0.0), 2),
            "rain": False,
            "cloud": round(min(max(self._climate.cloud_pct * (1 + cloud), 0.0), 100.0), 1),
            "mains": True,
            "emergency_stop": False,
        }

    def _wave(self, i: int, unix_s: float) -> float:
        return sum(math.sin(2 * math.pi * unix_s / period + phase) for period, phase in self._waves[i]) / 3
