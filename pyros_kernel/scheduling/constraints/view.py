"""What a constraint is, and what it looks at."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from astropy.coordinates import EarthLocation

from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.earth import Floats


class View(Protocol):
    """One target in one night; times in unix seconds, shape (T,)."""

    def altitude_deg(self, unix_s: Floats) -> Floats:
        """Give the altitude, without refraction."""
        ...

    def azimuth_deg(self, unix_s: Floats) -> Floats:
        """Give the azimuth, from north through east."""
        ...

    def hour_angle_h(self, unix_s: Floats) -> Floats:
        """Give the hour angle, west positive."""
        ...

    def moon_separation_deg(self, unix_s: Floats) -> Floats:
        """Give the distance from the Moon."""
        ...

    def moon_altitude_deg(self, unix_s: Floats) -> Floats:
        """Give the Moon's altitude."""
        ...

    def moon_illumination(self, unix_s: Floats) -> Floats:
        """Give the Moon's illuminated fraction."""
        ...

    def icrs_deg(self, unix_s: Floats) -> tuple[Floats, Floats]:
        """Give right ascensions and declinations (ICRS)."""
        ...

    @property
    def location(self) -> EarthLocation:
        """From where it is seen."""
        ...

    @property
    def conditions(self) -> Conditions | None:
        """What the sky is expected to be like, None if nobody knows."""
        ...


class Constraint(Protocol):
    """What must hold from a block's start to its end."""

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the margin."""
        ...

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken, negative where it is."""
        ...


def airmass(altitude_deg: Floats) -> Floats:
    """Give the airmass, sec z; 40 where the target is below a degree and a half."""
    return 1.0 / np.sin(np.radians(np.maximum(altitude_deg, 1.4325)))
