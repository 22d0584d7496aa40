"""Further constraints of a block, each by its margin: how far it is from being broken, negative where it is.

Any object with ``label``, ``unit`` and ``margin(view, unix_s)`` is a constraint; the planner finds where the margin
crosses zero, so that edges are exact to a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.earth import Floats

TWILIGHTS = {"sunset": -0.8333, "civil": -6.0, "nautical": -12.0, "astronomical": -18.0}
_MOON_CYCLE_D = 29.530588853


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
class MoonAvoidance:
    """Distance from the Moon by its phase (the Lorentzian of Berry, "Moon avoidance") and its altitude.

    :param distance_deg: at full Moon
    :param width_days: so many days from full Moon it is half of that
    :param per_degree: less by this for each degree the Moon stands below ``full_above_deg``; nothing is asked while
        the Moon is down
    """

    distance_deg: float = 60.0
    width_days: float = 7.0
    per_degree: float = 0.0
    full_above_deg: float = 10.0
    unit = "°"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"Moon avoidance {self.distance_deg:g}° at full Moon"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        angle = np.arccos(np.clip(2 * view.moon_illumination(unix_s) - 1, -1, 1))  # 0 at full Moon
        days = angle / (2 * np.pi) * _MOON_CYCLE_D
        altitude = view.moon_altitude_deg(unix_s)
        needed = self.distance_deg / (1 + (days / self.width_days) ** 2)
        needed = needed - self.per_degree * np.maximum(0.0, self.full_above_deg - altitude)
        return np.maximum(view.moon_separation_deg(unix_s) - needed, -altitude)


@dataclass(frozen=True, slots=True)
class MoonSeparation:
    """Distance from the Moon, asked only while it is up and lit by more than ``lit``."""

    distance_deg: float
    lit: float = 0.0
    unit = "°"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"Moon {self.distance_deg:g}° away while up"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        far = np.maximum(view.moon_separation_deg(unix_s) - self.distance_deg, -view.moon_altitude_deg(unix_s))
        return np.maximum(far, 100.0 * (self.lit - view.moon_illumination(unix_s)))


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
class PhaseOfPeriod:
    """A phase of something periodic, between two values of 0 … 1; over 1 if the first is the larger.

    :param epoch_unix_s: a moment of phase 0
    """

    period_s: float
    epoch_unix_s: float
    first: float
    last: float
    unit = "phase"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"phase {self.first:g} to {self.last:g}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        width = (self.last - self.first) % 1.0
        middle = self.first + width / 2
        off = (unix_s - self.epoch_unix_s) / self.period_s - middle
        return width / 2 - np.abs((off + 0.5) % 1.0 - 0.5)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Between two times of the day, by the clock on a wall, over midnight if the first is the later."""

    zone: str
    first: time
    last: time
    unit = "h"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"{self.first:%H:%M} to {self.last:%H:%M} {self.zone}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        zone = ZoneInfo(self.zone)
        best = np.full(unix_s.shape, -np.inf)
        day = datetime.fromtimestamp(float(unix_s.min()), UTC).astimezone(zone).date() - timedelta(days=1)
        while datetime.combine(day, self.first, zone).timestamp() <= float(unix_s.max()):
            begin = datetime.combine(day, self.first, zone)
            end = datetime.combine(day + timedelta(days=int(self.last <= self.first)), self.last, zone)
            best = np.maximum(best, np.minimum(unix_s - begin.timestamp(), end.timestamp() - unix_s) / 3600.0)
            day += timedelta(days=1)
        return best


@dataclass(frozen=True, slots=True)
class SeeingBelow:
    """Seeing at the target (FWHM, arcsec): that at the zenith times airmass^0.6 (Kolmogorov turbulence)."""

    limit_arcsec: float
    unit = "arcsec"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"seeing below {self.limit_arcsec:g} arcsec"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        if view.conditions is None:
            return np.full(unix_s.shape, np.inf)
        return self.limit_arcsec - view.conditions.seeing(unix_s) * airmass(view.altitude_deg(unix_s)) ** 0.6


@dataclass(frozen=True, slots=True)
class TransparencyAbove:
    """Transparency of the sky, 0 … 1."""

    limit: float
    unit = ""

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"transparency above {self.limit:g}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        if view.conditions is None:
            return np.full(unix_s.shape, np.inf)
        return view.conditions.transparency(unix_s) - self.limit


def twilight(kind: str) -> float:
    """Give the Sun's altitude (degrees) at which a twilight begins or ends.

    :param kind: sunset, civil, nautical or astronomical
    :raises ValueError: for another word
    """
    try:
        return TWILIGHTS[kind]
    except KeyError:
        raise ValueError(f"no twilight {kind!r}; there is {', '.join(TWILIGHTS)}") from None


def shares(constraints: Sequence[Constraint], x: Floats) -> Floats | None:
    """Give the share by airmass of the first airmass curve, None without one."""
    return next((c.share(x) for c in constraints if isinstance(c, AirmassCurve)), None)
