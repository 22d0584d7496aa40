"""What a weather station is, and a monitor that only says safe or not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import cast

from astropy.time import Time

from instruments.clock import to_unix_s
from instruments.instrument import Instrument
from instruments.reading import Reading


@dataclass(frozen=True, slots=True)
class WeatherState:
    """What a weather station says; None for what it has no sensor for.

    :param temperature: of the air, degrees Celsius
    :param humidity: relative, per cent
    :param pressure: of the air, hectopascal
    :param wind_speed: mean wind, metres per second
    :param wind_gust: strongest gust, metres per second
    :param rain: whether it rains
    :param cloud: sky covered by cloud, per cent
    """

    temperature: Reading[float] | None = None
    humidity: Reading[float] | None = None
    pressure: Reading[float] | None = None
    wind_speed: Reading[float] | None = None
    wind_gust: Reading[float] | None = None
    rain: Reading[bool] | None = None
    cloud: Reading[float] | None = None

    @property
    def time(self) -> Time:
        """When the oldest of its sensors was read.

        :raises ValueError: if it has no sensor at all
        """
        return min((r.time for r in self.readings().values()), key=to_unix_s)

    def readings(self) -> dict[str, Reading[float] | Reading[bool]]:
        """Give the readings that there are by name, as the safety rules ask for them."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: cast("Reading[float]", reading) for name, reading in found.items() if reading is not None}


class WeatherStation(Instrument[WeatherState]):
    """Read the weather."""


@dataclass(frozen=True, slots=True)
class SafetyState:
    """What a safety monitor says.

    :param safe: whether it deems it safe to be open; anything it is not sure of is not safe
    :param reason: why not, in its words; empty if it doesn't say
    """

    safe: Reading[bool]
    reason: str = ""

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.safe.time


class SafetyMonitor(Instrument[SafetyState]):
    """Ask whether it is safe to be open."""
