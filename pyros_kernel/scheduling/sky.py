"""The sky over one place through one night: targets, Sun and Moon, to 0.01 degrees in microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from astropy.time import Time
from numpy.typing import ArrayLike

from pyros_kernel.scheduling.bodies import Bodies
from pyros_kernel.scheduling.earth import Earth, Floats
from pyros_kernel.scheduling.night import NightTimes, find_night
from pyros_kernel.scheduling.place import Place, location_of, midnight_unix_s, night_name

_HALF_SPAN_S = 18 * 3600.0


@dataclass(frozen=True, slots=True)
class Moon:
    """The Moon at one moment: topocentric, without refraction; ra and dec as astropy's GCRS."""

    altitude_deg: float
    azimuth_deg: float
    illumination: float
    ra_deg: float
    dec_deg: float


class Sky:
    """Everything about the sky over a place in one night; make it once a night, ask it as often as you like.

    :param place: see :func:`location_of`
    :param night: the evening date ``YYYY-MM-DD``, a :class:`NightTimes`, or a Time in the night
    """

    def __init__(self, place: Place, night: str | NightTimes | Time) -> None:
        self.location = location_of(place)
        if isinstance(night, Time):
            night = night_name(night, self.location)
        self.name = night if isinstance(night, str) else night.name
        self.midnight_unix_s = midnight_unix_s(self.name, float(self.location.lon.deg))
        self.earth = Earth(self.location, self.midnight_unix_s)
        self._bodies = Bodies(self.earth, _HALF_SPAN_S)

    @property
    def span_unix_s(self) -> tuple[float, float]:
        """The times it knows."""
        return self.midnight_unix_s - _HALF_SPAN_S, self.midnight_unix_s + _HALF_SPAN_S

    @cached_property
    def night(self) -> NightTimes:
        """Sunset, dusk, dawn and sunrise.

        :raises NoNight: where the Sun doesn't set or doesn't rise
        """
        return find_night(self.name, self.sun_altitude_deg, self.midnight_unix_s, float(self.location.lat.deg))

    def zenith(self, unix_s: ArrayLike) -> Floats:
        """Give the direction of the zenith, shape (3, T)."""
        return self.earth.turned(self.earth.up, unix_s)

    def directions(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
        """Give the apparent directions of fixed ICRS targets as unit vectors, shape (N, 3)."""
        return self.earth.directions(ra_deg, dec_deg)

    def altitudes_deg(self, directions: Floats, unix_s: ArrayLike) -> Floats:
        """Give the altitudes, without refraction, of N directions at T times, shape (N, T)."""
        return np.degrees(np.arcsin(np.clip(directions @ self.zenith(unix_s), -1.0, 1.0)))

    def azimuths_deg(self, directions: Floats, unix_s: ArrayLike) -> Floats:
        """Give the azimuths, from north through east, of N directions at T times, shape (N, T)."""
        east = directions @ self.earth.turned(self.earth.east, unix_s)
        north = directions @ self.earth.turned(self.earth.north, unix_s)
        return np.degrees(np.arctan2(east, north)) % 360.0

    @overload
    def sun_altitude_deg(self, unix_s: float) -> float: ...
    @overload
    def sun_altitude_deg(self, unix_s: Floats) -> Floats: ...
    def sun_altitude_deg(self, unix_s: float | Floats) -> float | Floats:
        """Give the altitude of the Sun's centre, without refraction.

        :raises ValueError: for a time outside :attr:`span_unix_s`
        """
        sun, _ = self._bodies.sun_and_moon_au(unix_s)
        altitude = self._altitude_deg(self._topocentric(sun, unix_s), unix_s)
        return altitude if isinstance(unix_s, np.ndarray) else float(altitude)

    def moon_direction(self, unix_s: ArrayLike) -> Floats:
        """Give the direction of the Moon as seen from the place, shape (3, T)."""
        return self._topocentric(self._bodies.sun_and_moon_au(unix_s)[1], unix_s)

    def moon_altitude_deg(self, unix_s: ArrayLike) -> Floats:
        """Give the altitude of the Moon's centre, topocentric, without refraction."""
        return self._altitude_deg(self.moon_direction(unix_s), unix_s)

    def moon_illumination(self, unix_s: ArrayLike) -> Floats:
        """Give the illuminated fraction of the Moon's disc (Meeus 1998, chapter 48: from the phase angle)."""
        sun, moon = self._bodies.sun_and_moon_au(unix_s)
        to_sun = sun - moon
        cosine = -(to_sun * moon).sum(axis=0) / np.linalg.norm(to_sun, axis=0) / np.linalg.norm(moon, axis=0)
        return (1 + cosine) / 2

    def moon(self, unix_s: float) -> Moon:
        """Tell everything about the Moon at one moment.

        :raises ValueError: for a time outside :attr:`span_unix_s`
        """
        seen = self.moon_direction(unix_s)
        x, y, z = self.earth.to_cirs.T @ seen
        return Moon(
            altitude_deg=float(self._altitude_deg(seen, unix_s)),
            azimuth_deg=float(self.azimuths_deg(seen, unix_s)),
            illumination=float(self.moon_illumination(unix_s)),
            ra_deg=float(np.degrees(np.arctan2(y, x))) % 360.0,
            dec_deg=float(np.degrees(np.arcsin(z))),
        )

    def _topocentric(self, geocentric_au: Floats, unix_s: ArrayLike) -> Floats:
        seen = geocentric_au - self.earth.turned(self.earth.position_au, unix_s)
        return seen / np.linalg.norm(seen, axis=0)

    def _altitude_deg(self, direction: Floats, unix_s: ArrayLike) -> Floats:
        sine = (direction * self.zenith(unix_s)).sum(axis=0)
        return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))


def altitude_curve(ra_deg: float, dec_deg: float, sky: Sky, times_unix_s: ArrayLike) -> Floats:
    """Give a target's altitude (degrees, without refraction) at some times, for a chart."""
    return sky.altitudes_deg(sky.directions(ra_deg, dec_deg), times_unix_s)[0]


@overload
def azimuth(ra_deg: float, dec_deg: float, sky: Sky, unix_s: float) -> float: ...
@overload
def azimuth(ra_deg: float, dec_deg: float, sky: Sky, unix_s: Floats) -> Floats: ...
def azimuth(ra_deg: float, dec_deg: float, sky: Sky, unix_s: float | Floats) -> float | Floats:
    """Give a target's azimuth (degrees, from north through east) at one or several times."""
    found = sky.azimuths_deg(sky.directions(ra_deg, dec_deg), unix_s)[0]
    return found if isinstance(unix_s, np.ndarray) else float(found)


def night_of(place: Place, night: str | Time) -> NightTimes:
    """Find a night's sunset, dusk, dawn and sunrise.

    :param place: see :func:`location_of`
    :param night: the evening date ``YYYY-MM-DD``, or a Time in the night
    :raises NoNight: where the Sun doesn't set or doesn't rise
    """
    return Sky(place, night).night
