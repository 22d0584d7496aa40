"""How the Earth stands and turns during one night: fixed directions and local axes in one frame.

The frame is CIRS (IAU 2006/2000A) of the local midnight.  Over one night the apparent directions of fixed
targets in it move by less than 0.2 arcsec, so that a whole table of altitudes is one matrix product; diurnal
aberration (0.3 arcsec) is left out.  Sources: ERFA (SOFA) ``apci13``, ``atciqz``, ``aticq``, ``era00``, ``pom00``; IERS
Conventions 2010, chapter 5.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import erfa
import numpy as np
from astropy.coordinates import EarthLocation
from numpy.typing import ArrayLike, NDArray

from pyros_kernel.scheduling.orientation import orientation

Floats = NDArray[np.float64]

UNIX_JD = 2440587.5
_MJD_0 = 2400000.5
DAY_S = 86400.0
TURN_RAD_S = 2 * np.pi * 1.00273781191135448 / DAY_S  # IERS Conventions 2010, eq. 5.15
_ARCSEC = np.pi / 180 / 3600
_AU_M = 149597870700.0
_TT_MINUS_TAI_S = 32.184


class Earth:
    """The Earth under one place, around one midnight.

    :param location: the place
    :param midnight_unix_s: middle of the night
    """

    def __init__(self, location: EarthLocation, midnight_unix_s: float) -> None:
        self.midnight_unix_s = midnight_unix_s
        jd1, jd2 = UNIX_JD, midnight_unix_s / DAY_S
        # Outside its table the nearest is taken: the error stays below a second of time, and nothing stops for it.
        ut1_utc_s, x, y = orientation(jd1 - _MJD_0 + jd2)
        self.tt_minus_utc_s = _TT_MINUS_TAI_S + _tai_minus_utc_s(midnight_unix_s)
        tt1, tt2 = jd1, jd2 + self.tt_minus_utc_s / DAY_S
        self._astrom: Any = erfa.apci13(tt1, tt2)[0]
        self.to_cirs = np.asarray(self._astrom["bpn"], dtype=float)
        self._era = float(erfa.era00(jd1, jd2 + ut1_utc_s / DAY_S))
        polar = np.asarray(erfa.pom00(x * _ARCSEC, y * _ARCSEC, erfa.sp00(tt1, tt2)), dtype=float)
        lat, lon = float(location.lat.rad), float(location.lon.rad)
        up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        east = np.array([-np.sin(lon), np.cos(lon), 0.0])
        self.up, self.east, self.north = up @ polar, east @ polar, np.cross(up, east) @ polar
        geocentric = np.asarray(erfa.gd2gc(1, lon, lat, float(location.height.to_value("m"))), dtype=float)
        self.position_au = geocentric @ polar / _AU_M

    def tt(self, unix_s: ArrayLike) -> tuple[float, Floats]:
        """Give Terrestrial Time as a two-part Julian date."""
        return UNIX_JD, (np.asarray(unix_s, dtype=float) + self.tt_minus_utc_s) / DAY_S

    def rotation_rad(self, unix_s: ArrayLike) -> Floats:
        """Give the Earth rotation angle, not wrapped within the night."""
        return self._era + (np.asarray(unix_s, dtype=float) - self.midnight_unix_s) * TURN_RAD_S

    def turned(self, axis: Floats, unix_s: ArrayLike) -> Floats:
        """Turn one of the Earth's own axes (:attr:`up`, :attr:`east`, …) with the Earth.

        :return: shape (3, …)
        """
        angle = self.rotation_rad(unix_s)
        c, s = np.cos(angle), np.sin(angle)
        x, y, z = axis
        return np.stack([x * c - y * s, x * s + y * c, np.full_like(c, z)])

    def directions(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
        """Give the apparent directions of fixed ICRS targets: one unit vector a row, shape (N, 3)."""
        ra, dec = np.radians(np.atleast_1d(ra_deg)), np.radians(np.atleast_1d(dec_deg))
        ri, di = erfa.atciqz(ra, dec, self._astrom)
        return np.asarray(erfa.s2c(ri, di), dtype=float)

    def icrs_deg(self, direction: Floats) -> tuple[float, float]:
        """Give right ascension and declination (ICRS) of the target that is seen in a direction, a unit vector."""
        ra, dec = erfa.aticq(*erfa.c2s(direction), self._astrom)
        return float(np.degrees(ra)) % 360.0, float(np.degrees(dec))


def _tai_minus_utc_s(unix_s: float) -> float:
    # Read from ERFA's table: its functions warn of every date five years after their own release.
    when = datetime.fromtimestamp(unix_s, UTC)
    table = cast(Any, erfa.leap_seconds.get())
    past = table[(table["year"] < when.year) | ((table["year"] == when.year) & (table["month"] <= when.month))]
    return float(past["tai_utc"][-1])
