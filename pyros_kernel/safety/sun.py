"""Where the Sun is, and how near a way across the sky comes to it; plain floats, without astropy."""

from __future__ import annotations

import math

_J2000_UNIX_S = 946728000.0
_DAY_S = 86400.0
_STEP_DEG = 1.0

AltAz = tuple[float, float]


def sun_altaz_deg(latitude_deg: float, longitude_deg: float, unix_s: float) -> AltAz:
    """Give altitude, and azimuth from north through east, of the Sun's centre, to about 0.02°.

    The Astronomical Almanac's low-precision Sun; sidereal time after Meeus, Astronomical Algorithms, eq. 12.4.

    :param latitude_deg: north
    :param longitude_deg: east
    """
    days = (unix_s - _J2000_UNIX_S) / _DAY_S
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ra = math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))
    dec = math.asin(math.sin(tilt) * math.sin(longitude))
    hour = math.radians((280.46061837 + 360.98564736629 * days + longitude_deg) % 360.0) - ra
    latitude = math.radians(latitude_deg)
    up = math.sin(latitude) * math.sin(dec) + math.cos(latitude) * math.cos(dec) * math.cos(hour)
    north = math.cos(latitude) * math.sin(dec) - math.sin(latitude) * math.cos(dec) * math.cos(hour)
    east = -math.cos(dec) * math.sin(hour)
    return math.degrees(math.asin(max(-1.0, min(1.0, up)))), math.degrees(math.atan2(east, north)) % 360.0


def nearest_deg(start: AltAz, end: AltAz, sun: AltAz) -> float:
    """Give the least distance to the Sun on the ways that a mount may take from ``start`` to ``end``.

    Looked at are the great circle, both axes in step, and both at the same speed until the shorter way is done.

    :param start: altitude and azimuth, degrees
    """
    s = _vector(sun)
    return min(_separation_deg(_vector(point), s) for point in _ways(start, end))


def _ways(start: AltAz, end: AltAz) -> list[AltAz]:
    d_alt = end[0] - start[0]
    d_az = (end[1] - start[1] + 180.0) % 360.0 - 180.0
    steps = max(1, math.ceil(max(abs(d_alt), abs(d_az)) / _STEP_DEG))
    longest = max(abs(d_alt), abs(d_az))
    a, b = _vector(start), _vector(end)
    arc = math.radians(_separation_deg(a, b))
    points: list[AltAz] = []
    for i in range(steps + 1):
        f, gone = i / steps, longest * i / steps
        points.append((start[0] + f * d_alt, start[1] + f * d_az))
        alt = start[0] + math.copysign(min(gone, abs(d_alt)), d_alt)
        points.append((alt, start[1] + math.copysign(min(gone, abs(d_az)), d_az)))
        if 1e-6 < arc < math.pi - 1e-6:
            p, q = math.sin((1 - f) * arc) / math.sin(arc), math.sin(f * arc) / math.sin(arc)
            x, y, z = (p * m + q * n for m, n in zip(a, b, strict=True))
            points.append((math.degrees(math.asin(max(-1.0, min(1.0, z)))), math.degrees(math.atan2(y, x))))
    return points


def _vector(point: AltAz) -> tuple[float, float, float]:
    alt, az = math.radians(point[0]), math.radians(point[1])
    return math.cos(alt) * math.cos(az), math.cos(alt) * math.sin(az), math.sin(alt)


def _separation_deg(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    dot = sum(m * n for m, n in zip(a, b, strict=True))
    return math.degrees(math.acos(max(-1.0, min(1.0, dot))))
