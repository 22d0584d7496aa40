"""Sunset, dusk, dawn and sunrise of one night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.time import Time

from pyros_kernel.scheduling.roots import Floats, crossings

# The Sun's centre when its upper limb stands on a sea horizon: 34' of refraction and 16' of radius (USNO).
SUN_RISE_SET_DEG = -0.8333
ASTRONOMICAL_TWILIGHT_DEG = -18.0


class NoNight(ValueError):
    """There is no sunset or no sunrise; says which, where, and how high the Sun stays."""


@dataclass(frozen=True, slots=True)
class NightTimes:
    """A night's limits in unix seconds (UTC); :attr:`sunset` … :attr:`sunrise` give them as Time.

    Where the Sun sets but never reaches -18 degrees, dusk and dawn are both the moment when it is lowest.
    """

    name: str
    sunset_unix_s: float
    dusk_unix_s: float
    dawn_unix_s: float
    sunrise_unix_s: float

    @property
    def sunset(self) -> Time:
        """The Sun's centre at -0.8333 degrees in the evening."""
        return _time(self.sunset_unix_s)

    @property
    def dusk(self) -> Time:
        """End of evening astronomical twilight: Sun at -18 degrees."""
        return _time(self.dusk_unix_s)

    @property
    def dawn(self) -> Time:
        """Begin of morning astronomical twilight."""
        return _time(self.dawn_unix_s)

    @property
    def sunrise(self) -> Time:
        """The Sun's centre at -0.8333 degrees in the morning."""
        return _time(self.sunrise_unix_s)


def find_night(
    name: str, sun_altitude_deg: Callable[[Floats], Floats], midnight_unix_s: float, latitude_deg: float
) -> NightTimes:
    """Find a night's limits from the Sun's altitude.

    :param sun_altitude_deg: altitude (degrees) at times (unix seconds)
    :raises NoNight: where the Sun doesn't set or doesn't rise
    """
    # Half an hour more than noon to noon: solar noon is up to 17 minutes off the mean one.
    grid = midnight_unix_s + np.arange(-12.5 * 3600, 12.5 * 3600 + 1, 600.0)
    altitude = sun_altitude_deg(grid)
    lowest = float(grid[int(altitude.argmin())])
    evening, morning = _either_side(sun_altitude_deg, grid, altitude, SUN_RISE_SET_DEG, lowest)
    if evening is None or morning is None:
        where = f"the night of {name} at latitude {latitude_deg:+.2f}°"
        if altitude.min() > SUN_RISE_SET_DEG:
            raise NoNight(f"{where} does not exist: the Sun never sets (lowest altitude {altitude.min():.1f}°)")
        raise NoNight(f"{where} has no sunset or no sunrise: the Sun stays below {altitude.max():.1f}°")
    dusk, dawn = _either_side(sun_altitude_deg, grid, altitude, ASTRONOMICAL_TWILIGHT_DEG, lowest)
    if dusk is None or dawn is None:
        dusk = dawn = lowest
    return NightTimes(name, evening, dusk, dawn, morning)


def _either_side(
    f: Callable[[Floats], Floats], grid: Floats, altitude: Floats, level: float, lowest: float
) -> tuple[float | None, float | None]:
    found = crossings(lambda t: f(t) - level, grid, altitude - level)
    before, after = found[found < lowest], found[found > lowest]
    return (float(before[-1]) if len(before) else None, float(after[0]) if len(after) else None)


def _time(unix_s: float) -> Time:
    return Time(unix_s, format="unix", scale="utc")
