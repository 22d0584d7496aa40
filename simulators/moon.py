"""The Moon, as far as it brightens the sky."""

from __future__ import annotations

import math

from instruments.horizon import Horizon, separation_deg

_J2000_UNIX_S = 946728000.0
_CENTURY_S = 36525 * 86400.0


def _sin(deg: float) -> float:
    return math.sin(math.radians(deg))


def _cos(deg: float) -> float:
    return math.cos(math.radians(deg))


def moon_deg(unix_s: float) -> tuple[float, float]:
    """Tell right ascension and declination of the Moon, of date, to 0.3°.

    Low-precision formulae of the Astronomical Almanac, page D22 of the 2013 edition.
    """
    t = (unix_s - _J2000_UNIX_S) / _CENTURY_S
    longitude = (
        218.32
        + 481267.881 * t
        + 6.29 * _sin(135.0 + 477198.87 * t)
        - 1.27 * _sin(259.3 - 413335.36 * t)
        + 0.66 * _sin(235.7 + 890534.22 * t)
        + 0.21 * _sin(269.9 + 954397.74 * t)
        - 0.19 * _sin(357.5 + 35999.05 * t)
        - 0.11 * _sin(186.5 + 966404.03 * t)
    )
    latitude = (
        5.13 * _sin(93.3 + 483202.02 * t)
        + 0.28 * _sin(228.2 + 960400.89 * t)
        - 0.28 * _sin(318.3 + 6003.15 * t)
        - 0.17 * _sin(217.6 - 407332.21 * t)
    )
    return _equatorial_deg(longitude, latitude)


def sun_deg(unix_s: float) -> tuple[float, float]:
    """Tell right ascension and declination of the Sun, of date, to 0.01° (Astronomical Almanac, page C5)."""
    days = (unix_s - _J2000_UNIX_S) / 86400
    anomaly = 357.528 + 0.9856003 * days
    return _equatorial_deg(280.460 + 0.9856474 * days + 1.915 * _sin(anomaly) + 0.020 * _sin(2 * anomaly), 0.0)


def _equatorial_deg(longitude: float, latitude: float) -> tuple[float, float]:
    x = _cos(latitude) * _cos(longitude)
    y, z = _cos(latitude) * _sin(longitude), _sin(latitude)
    tilt = 23.439
    y, z = _cos(tilt) * y - _sin(tilt) * z, _sin(tilt) * y + _cos(tilt) * z
    return math.degrees(math.atan2(y, x)) % 360, math.degrees(math.asin(max(-1.0, min(1.0, z))))


def moonlight_nanolambert(horizon: Horizon, ra_deg: float, dec_deg: float, unix_s: float) -> float:
    """Tell how bright the Moon makes the sky at a position, in nanolamberts.

    Krisciunas & Schaefer 1991 (PASP 103, 1033), equations 3, 15, 20 and 21, with an extinction of 0.172 mag.
    """
    moon = moon_deg(unix_s)
    moon_altitude = horizon.altaz_deg(*moon, unix_s)[0]
    altitude = horizon.altaz_deg(ra_deg, dec_deg, unix_s)[0]
    if moon_altitude <= 0 or altitude <= 0:
        return 0.0
    phase = 180 - separation_deg(*moon, *sun_deg(unix_s))
    light = 10 ** (-0.4 * (3.84 + 0.026 * abs(phase) + 4e-9 * phase**4))
    rho = separation_deg(*moon, ra_deg, dec_deg)
    scatter = 10**5.36 * (1.06 + _cos(rho) ** 2) + 10 ** (6.15 - rho / 40)
    k = 0.172
    return scatter * light * 10 ** (-0.4 * k * _airmass(moon_altitude)) * (1 - 10 ** (-0.4 * k * _airmass(altitude)))


def _airmass(altitude: float) -> float:
    return 1 / math.sqrt(1 - 0.96 * _cos(altitude) ** 2)


def nanolambert_of_mag(mag: float) -> float:
    """Turn magnitudes per square arcsecond into nanolamberts (Krisciunas & Schaefer 1991, equation 27)."""
    return 34.08 * math.exp(20.7233 - 0.92104 * mag)


def mag_of_nanolambert(brightness: float) -> float:
    """Turn nanolamberts into magnitudes per square arcsecond."""
    return (20.7233 - math.log(brightness / 34.08)) / 0.92104
