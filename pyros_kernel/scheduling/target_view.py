"""One target in one night, as constraints look at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import EarthLocation

from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.ephemeris import Moving
from pyros_kernel.scheduling.sky import Sky


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target that stays, by its direction, or one that moves; times are unix seconds, shape (T,)."""

    sky: Sky
    direction: Floats
    moving: Moving | None
    conditions: Conditions | None = None

    @property
    def location(self) -> EarthLocation:
        """From where it is seen."""
        return self.sky.location

    def icrs_deg(self, unix_s: Floats) -> tuple[Floats, Floats]:
        """Give right ascensions and declinations (ICRS)."""
        if self.moving is None:
            ra, dec = self.sky.earth.icrs_deg(self.direction)
            return np.full(len(unix_s), ra), np.full(len(unix_s), dec)
        places = [self.sky.earth.icrs_deg(d) for d in self.directions(unix_s).T]
        return np.array([ra for ra, _ in places]), np.array([dec for _, dec in places])

    def directions(self, unix_s: Floats) -> Floats:
        """Give the unit vectors, shape (3, T)."""
        if self.moving is not None:
            return self.moving.directions(self.sky, unix_s)
        return np.repeat(self.direction[:, None], len(unix_s), axis=1)

    def altitude_deg(self, unix_s: Floats) -> Floats:
        """Give the altitudes, without refraction."""
        return _arcsine(self.directions(unix_s), self.sky.zenith(unix_s))

    def azimuth_deg(self, unix_s: Floats) -> Floats:
        """Give the azimuths, from north through east."""
        seen, earth = self.directions(unix_s), self.sky.earth
        east, north = ((seen * earth.turned(axis, unix_s)).sum(axis=0) for axis in (earth.east, earth.north))
        return np.degrees(np.arctan2(east, north)) % 360.0

    def hour_angle_h(self, unix_s: Floats) -> Floats:
        """Give the hour angles, -12 … 12, west positive."""
        x, y, _ = self.directions(unix_s)
        earth = self.sky.earth
        meridian = np.arctan2(earth.up[1], earth.up[0]) + earth.rotation_rad(unix_s)
        angle = np.degrees(meridian - np.arctan2(y, x)) / 15.0
        return (angle + 12.0) % 24.0 - 12.0

    def moon_separation_deg(self, unix_s: Floats) -> Floats:
        """Give the distances from the Moon, topocentric."""
        cosine = (self.directions(unix_s) * self.sky.moon_direction(unix_s)).sum(axis=0)
        return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))

    def moon_altitude_deg(self, unix_s: Floats) -> Floats:
        """Give the altitudes of the Moon."""
        return self.sky.moon_altitude_deg(unix_s)

    def moon_illumination(self, unix_s: Floats) -> Floats:
        """Give the illuminated fraction of the Moon."""
        return self.sky.moon_illumination(unix_s)


def _arcsine(a: Floats, b: Floats) -> Floats:
    return np.degrees(np.arcsin(np.clip((a * b).sum(axis=0), -1.0, 1.0)))
