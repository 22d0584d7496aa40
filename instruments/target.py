"""A target on the sky: taken from any astropy frame, and held against the horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord

from instruments.horizon import Horizon
from instruments.quantity import number_in


def icrs_of(target: SkyCoord) -> tuple[float, float]:
    """Give the ICRS position of a target in any astropy frame, degrees.

    :raises TypeError: if it is no SkyCoord
    :raises ValueError: if it is not one position, or not a number
    """
    if not isinstance(target, SkyCoord):  # a notebook is not type-checked
        raise TypeError(f"a telescope points at a SkyCoord, such as SkyCoord(10, 41, unit='deg'), not at {target!r}")
    if not target.isscalar:
        raise ValueError(f"a telescope points at one position, not at {target.shape} of them")
    icrs = target if isinstance(target.frame, ICRS) else target.icrs
    return number_in(icrs.ra, u.deg), number_in(icrs.dec, u.deg)


@dataclass(frozen=True, slots=True)
class Limit:
    """How low a telescope may point.

    :param horizon: of its site; None if the site is not known
    :param altitude_deg: the lowest altitude
    """

    horizon: Horizon | None
    altitude_deg: float = 0.0

    def altaz_deg(self, ra_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
        """Give altitude and azimuth of an ICRS position; not a number if the site is not known."""
        if self.horizon is None:
            return math.nan, math.nan
        return self.horizon.altaz_deg(ra_deg, dec_deg, unix_s)

    def refusal(self, ra_deg: float, dec_deg: float, unix_s: float) -> str:
        """Tell why the telescope may not point there; empty if it may."""
        if self.horizon is None:
            return (
                "the mount does not know its site, so nobody knows where the horizon is; set it there or in the address"
            )
        altitude, _ = self.horizon.altaz_deg(ra_deg, dec_deg, unix_s)
        if altitude < self.altitude_deg:
            return f"the target stands at {altitude:.1f}°, below the limit of {self.altitude_deg:.1f}°"
        return ""
