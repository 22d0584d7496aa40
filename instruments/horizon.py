"""Where things stand over a site's horizon, in plain floats and microseconds.

Good to about 0.02°: precession is in, nutation, aberration, refraction and UT1-UTC are not.  For what must be
better, and for arrays, use astropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

_J2000_UNIX_S = 946728000.0
_DAY_S = 86400.0

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


@dataclass(frozen=True, slots=True)
class Horizon:
    """The horizon of a site.

    :param latitude_deg: north
    :param longitude_deg: east
    """

    latitude_deg: float
    longitude_deg: float

    def sidereal_deg(self, unix_s: float) -> float:
        """Tell the local mean sidereal time (Meeus, Astronomical Algorithms, 2nd ed., eq. 12.4)."""
        days = (unix_s - _J2000_UNIX_S) / _DAY_S
        return (280.46061837 + 360.98564736629 * days + self.longitude_deg) % 360.0

    def altaz_deg(self, ra_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
        """Give altitude, and azimuth from north through east, of an ICRS position."""
        ra, dec = _lonlat(_times(_precession(int(unix_s // _DAY_S)), _vector(ra_deg, dec_deg)))
        return self.altaz_of_hadec_deg(self.sidereal_deg(unix_s) - ra, dec)

    def radec_deg(self, altitude_deg: float, azimuth_deg: float, unix_s: float) -> tuple[float, float]:
        """Give the ICRS position that stands at an altitude and azimuth (from north through east)."""
        ha, dec = self.hadec_of_altaz_deg(altitude_deg, azimuth_deg)
        return self.radec_of_hadec_deg(ha, dec, unix_s)

    def radec_of_hadec_deg(self, ha_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
        """Give the ICRS position at an hour angle and declination of date."""
        matrix = _precession(int(unix_s // _DAY_S))
        of_date = _vector(self.sidereal_deg(unix_s) - ha_deg, dec_deg)
        return _lonlat(_times(_transposed(matrix), of_date))

    def altaz_of_hadec_deg(self, ha_deg: float, dec_deg: float) -> tuple[float, float]:
        """Give altitude and azimuth of an hour angle and declination of date (Meeus, eq. 13.5 and 13.6)."""
        x, y, z = _vector(ha_deg, dec_deg)
        sin_lat, cos_lat = self._sin_cos()
        azimuth_south, altitude = _lonlat((x * sin_lat - z * cos_lat, y, x * cos_lat + z * sin_lat))
        return altitude, (azimuth_south + 180.0) % 360.0

    def hadec_of_altaz_deg(self, altitude_deg: float, azimuth_deg: float) -> tuple[float, float]:
        """Give hour angle and declination of date of an altitude and azimuth."""
        x, y, z = _vector(azimuth_deg - 180.0, altitude_deg)
        sin_lat, cos_lat = self._sin_cos()
        return _lonlat((x * sin_lat + z * cos_lat, y, z * sin_lat - x * cos_lat))

    def sun_altitude_deg(self, unix_s: float) -> float:
        """Give the altitude of the Sun's centre (The Astronomical Almanac, low-precision Sun: 0.01°)."""
        days = (unix_s - _J2000_UNIX_S) / _DAY_S
        anomaly = math.radians(357.528 + 0.9856003 * days)
        longitude = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
        tilt = math.radians(23.439 - 0.0000004 * days)
        ra = math.degrees(math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude)))
        dec = math.degrees(math.asin(math.sin(tilt) * math.sin(longitude)))
        return self.altaz_of_hadec_deg(self.sidereal_deg(unix_s) - ra, dec)[0]

    def _sin_cos(self) -> tuple[float, float]:
        latitude = math.radians(self.latitude_deg)
        return math.sin(latitude), math.cos(latitude)


def separation_deg(ra1_deg: float, dec1_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Give the angle between two directions, exact for small ones too."""
    x1, y1, z1 = _vector(ra1_deg, dec1_deg)
    x2, y2, z2 = _vector(ra2_deg, dec2_deg)
    cross = math.hypot(y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2)
    return math.degrees(math.atan2(cross, x1 * x2 + y1 * y2 + z1 * z2))


@lru_cache(maxsize=8)
def _precession(unix_day: int) -> Matrix:
    """Make the rotation from J2000 to the mean equator of a day (Lieske 1977; Meeus, eq. 21.3)."""
    t = (unix_day * _DAY_S - _J2000_UNIX_S) / (36525 * _DAY_S)
    zeta, z, theta = (
        math.radians(arcsec / 3600)
        for arcsec in (
            2306.2181 * t + 0.30188 * t**2 + 0.017998 * t**3,
            2306.2181 * t + 1.09468 * t**2 + 0.018203 * t**3,
            2004.3109 * t - 0.42665 * t**2 - 0.041833 * t**3,
        )
    )
    sa, ca, sz, cz, st, ct = *_sc(zeta), *_sc(z), *_sc(theta)
    return (
        (ca * ct * cz - sa * sz, -sa * ct * cz - ca * sz, -st * cz),
        (ca * ct * sz + sa * cz, -sa * ct * sz + ca * cz, -st * sz),
        (ca * st, -sa * st, ct),
    )


def _sc(angle: float) -> tuple[float, float]:
    return math.sin(angle), math.cos(angle)


def _vector(lon_deg: float, lat_deg: float) -> Vector:
    lon, lat = math.radians(lon_deg), math.radians(lat_deg)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def _lonlat(v: Vector) -> tuple[float, float]:
    x, y, z = v
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def _transposed(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    return (a, d, g), (b, e, h), (c, f, i)


def _times(m: Matrix, v: Vector) -> Vector:
    a, b, c = (row[0] * v[0] + row[1] * v[1] + row[2] * v[2] for row in m)
    return a, b, c
