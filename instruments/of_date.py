"""Positions of date (JNow), which most mounts speak, and ICRS: apparent places with pyerfa, in 0.1 ms.

The apparent right ascension is that of the CIRS less the equation of the origins (SOFA, Tools for Earth Attitude);
astropy's TETE is the same, in tens of milliseconds.  Polar motion, parallax and refraction are not in.
"""

from __future__ import annotations

import math

import erfa

_UNIX_JD, _DAY_S = 2440587.5, 86400.0
_TT_UTC_S = 69.184  # since 2017; a second of error moves a star by 5e-7 arcsec


def of_date_deg(ra_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
    """Give the apparent right ascension and declination of date of an ICRS position."""
    ra, dec, origins = erfa.atci13(math.radians(ra_deg), math.radians(dec_deg), 0, 0, 0, 0, _UNIX_JD, _tt_days(unix_s))
    return math.degrees(float(ra - origins)) % 360.0, math.degrees(float(dec))


def icrs_deg(ra_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
    """Give the ICRS position of an apparent right ascension and declination of date."""
    days = _tt_days(unix_s)
    origins = erfa.eo06a(_UNIX_JD, days)
    ra, dec, _ = erfa.atic13(math.radians(ra_deg) + origins, math.radians(dec_deg), _UNIX_JD, days)
    return math.degrees(float(ra)) % 360.0, math.degrees(float(dec))


def _tt_days(unix_s: float) -> float:
    return (unix_s + _TT_UTC_S) / _DAY_S
