"""Constraints of where a target stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.constraints.view import Constraint, View, airmass
from pyros_kernel.scheduling.earth import Floats


@dataclass(frozen=True, slots=True)
class AirmassCurve:
    """How much of a block's worth is left at each airmass; nothing, and not observed, beyond the last point.

    :param points: (airmass, share) in order of airmass
    """

    points: tuple[tuple[float, float], ...]
    unit = "airmass"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"airmass below {self.points[-1][0]:g}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        return self.points[-1][0] - airmass(view.altitude_deg(unix_s))

    def share(self, x: Floats) -> Floats:
        """Give the share at an airmass."""
        at, share = zip(*self.points, strict=True)
        return np.interp(x, at, share)


@dataclass(frozen=True, slots=True)
class HorizonMask:
    """Altitude above a horizon of trees and hills.

    :param points: (azimuth, altitude) in degrees, in order of azimuth; between them a straight line, around north too
    """

    points: tuple[tuple[float, float], ...]
    unit = "°"
    label = "above the horizon's mask"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        azimuth, altitude = zip(*self.points, strict=True)
        return view.altitude_deg(unix_s) - np.interp(view.azimuth_deg(unix_s), azimuth, altitude, period=360.0)


@dataclass(frozen=True, slots=True)
class HourAngle:
    """Hour angle between two values, in hours: (-12, 0) is east of the meridian, (0, 12) west of it."""

    first_h: float
    last_h: float
    unit = "h"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"hour angle {self.first_h:+g} h to {self.last_h:+g} h"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        angle = view.hour_angle_h(unix_s)
        return np.minimum(angle - self.first_h, self.last_h - angle)


@dataclass(frozen=True, slots=True)
class AwayFromMeridian:
    """Not within some minutes of the meridian, where a mount turns over."""

    minutes: float
    unit = "h"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"{self.minutes:g} min from the meridian"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        return np.abs(view.hour_angle_h(unix_s)) - self.minutes / 60.0


@dataclass(frozen=True, slots=True)
class OneSide:
    """Wholly on one side of the meridian: a German mount turns over on it, which ends what is being exposed.

    :param minutes: kept free on either side of it, above and below the pole
    """

    minutes: float = 1.0
    unit = "h"
    label = "on one side of the meridian"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        angle = np.abs(view.hour_angle_h(unix_s))
        return np.minimum(angle, 12.0 - angle) - self.minutes / 60.0


def shares(constraints: Sequence[Constraint], x: Floats) -> Floats | None:
    """Give the share by airmass of the first airmass curve, None without one."""
    return next((c.share(x) for c in constraints if isinstance(c, AirmassCurve)), None)
