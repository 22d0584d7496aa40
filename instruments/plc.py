"""What a PLC is: the site's weather sensors and contacts, read by one controller."""

from __future__ import annotations

from dataclasses import dataclass

from astropy.time import Time

from instruments.clock import to_unix_s
from instruments.instrument import Instrument
from instruments.reading import Reading


@dataclass(frozen=True, slots=True)
class PlcState:
    """What a PLC says of the site.

    :param temperature: of the air, degrees Celsius
    :param humidity: relative, per cent
    :param pressure: of the air, hectopascal
    :param wind_speed: mean wind, metres per second
    :param wind_gust: strongest gust, metres per second
    :param rain: whether the rain sensor is wet
    :param cloud: sky covered by cloud, per cent
    :param mains: whether mains power is there
    :param emergency_stop: whether somebody pressed it
    """

    temperature: Reading[float]
    humidity: Reading[float]
    pressure: Reading[float]
    wind_speed: Reading[float]
    wind_gust: Reading[float]
    rain: Reading[bool]
    cloud: Reading[float]
    mains: Reading[bool]
    emergency_stop: Reading[bool]

    @property
    def time(self) -> Time:
        """When the oldest of its sensors was read."""
        return min((r.time for r in self.readings().values()), key=to_unix_s)

    def readings(self) -> dict[str, Reading[float] | Reading[bool]]:
        """Give the readings by name, as the safety rules ask for them."""
        return {
            "temperature": self.temperature,
            "humidity": self.humidity,
            "pressure": self.pressure,
            "wind_speed": self.wind_speed,
            "wind_gust": self.wind_gust,
            "rain": self.rain,
            "cloud": self.cloud,
            "mains": self.mains,
            "emergency_stop": self.emergency_stop,
        }


class Plc(Instrument[PlcState]):
    """Read the site's weather and contacts."""
