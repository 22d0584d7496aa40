"""Where a target stood above the horizon when it was exposed: one call of ERFA instead of astropy's frames.

ERFA's ``atco13`` is what astropy's ``AltAz`` itself rests on; called directly it takes 0.2 ms a frame.  Earth
rotation is taken as UT1 = UTC + DUT1 from astropy's bundled tables, polar motion (0.3 arcsec) is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import erfa
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pyros_kernel.images.context import Place


@dataclass(frozen=True, slots=True)
class Horizontal:
    """A direction: altitude and azimuth (from north through east) in degrees, without refraction."""

    altitude_deg: float
    azimuth_deg: float

    @property
    def airmass(self) -> float | None:
        """Air mass by Pickering (2002), DIO 12, 3, eq. 3, which holds down to the horizon; None below it."""
        h = self.altitude_deg
        if h <= 0:
            return None
        return 1.0 / math.sin(math.radians(h + 244.0 / (165.0 + 47.0 * h**1.1)))


def horizontal(target: SkyCoord, place: Place, when: Time) -> Horizontal:
    """Tell where ``target`` stands at ``place``, without refraction.

    :param target: a single coordinate in any astropy frame that leads to ICRS
    """
    icrs = target.icrs
    utc = when.utc
    azimuth, zenith, *_ = erfa.atco13(
        float(icrs.ra.rad), float(icrs.dec.rad), 0.0, 0.0, 0.0, 0.0,
        utc.jd1, utc.jd2, float(utc.delta_ut1_utc),
        math.radians(place.longitude_deg), math.radians(place.latitude_deg), place.elevation_m,
        0.0, 0.0, 0.0, 0.0, 0.0, 1.0,
    )  # fmt: skip
    return Horizontal(90.0 - math.degrees(float(zenith)), math.degrees(float(azimuth)) % 360.0)
