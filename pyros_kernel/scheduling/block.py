"""What the planner is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

if TYPE_CHECKING:
    from pyros_kernel.scheduling.constraints import Constraint
    from pyros_kernel.scheduling.earth import Floats
    from pyros_kernel.scheduling.ephemeris import Moving
    from pyros_kernel.scheduling.sky import Sky

Id = int | str

GRADES = {"A": 1.0, "B": 0.8, "C": 0.6, "D": 0.4}  # share of its worth that a grade of the time allocation leaves


@dataclass(frozen=True, slots=True)
class Block:
    """Something to observe in one go; its constraints hold from its start to its end.

    :param priority: larger is more important
    :param ra_deg: ICRS, as ``dec_deg``
    :param duration_s: everything on target: acquisition, exposures, readouts
    :param max_sun_altitude_deg: of the Sun's centre
    :param min_moon_separation_deg: topocentric, whether the Moon is up or not; 0 for none
    :param max_moon_illumination: largest illuminated fraction; fulfilled too while the Moon is down
    :param window: (start, end) in unix seconds that must hold the whole of it
    :param filters: in the order of use; the first and last count for filter changes
    :param fixed_start_unix_s: when it began, for what runs already: it stays, whatever its constraints say
    :param name: what people call it, for the words of reasons
    :param value: what it is worth when plans are made by value; priority times duration if left out
    :param grade: of the time allocation committee, A to D: when plans are made by value it takes its share of it
    :param constraints: further ones, see :mod:`pyros_kernel.scheduling.constraints`
    :param windows: several windows, any of which must hold the whole of it
    :param programme: whose quota it counts to
    :param group: blocks of one group are placed all or none
    :param mandatory: placed before anything that is not
    :param after: id of the block that it follows, as in a monitoring series; it is placed only if that one is
    :param gap_s: least and greatest time from the start of that one to its own
    :param preferred_unix_s: a start that is liked best; with quality it loses half its worth six hours away
    :param moving: where a target that moves is, see :mod:`pyros_kernel.scheduling.ephemeris`; ra and dec are then
        those of its first row
    :raises ValueError: for a number that makes no sense
    """

    id: Id
    ra_deg: float
    dec_deg: float
    duration_s: float
    priority: float = 0.0
    min_altitude_deg: float = 30.0
    max_sun_altitude_deg: float = -18.0
    min_moon_separation_deg: float = 0.0
    max_moon_illumination: float | None = None
    window: tuple[float, float] | None = None
    filters: tuple[str, ...] = ()
    fixed_start_unix_s: float | None = None
    name: str = ""
    value: float | None = None
    constraints: tuple[Constraint, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    programme: str = ""
    group: Id | None = None
    mandatory: bool = False
    after: Id | None = None
    gap_s: tuple[float, float] = (0.0, float("inf"))
    preferred_unix_s: float | None = None
    moving: Moving | None = None
    grade: str = ""

    def __post_init__(self) -> None:
        """Refuse what no sky can fulfil because it is no number, or out of its range."""
        if not (isfinite(self.duration_s) and self.duration_s > 0):
            raise ValueError(f"block {self.id}: duration must be a positive number of seconds, got {self.duration_s}")
        if not (isfinite(self.ra_deg) and -90 <= self.dec_deg <= 90):
            raise ValueError(f"block {self.id}: no direction: ra {self.ra_deg}°, dec {self.dec_deg}°")
        if self.value is not None and not (isfinite(self.value) and self.value >= 0):
            raise ValueError(f"block {self.id}: value must be a number, 0 or more, got {self.value}")
        if not isfinite(self.priority):
            raise ValueError(f"block {self.id}: priority must be a number, got {self.priority}")
        if self.grade and self.grade not in GRADES:
            raise ValueError(f"block {self.id}: no grade {self.grade!r}; there is {', '.join(GRADES)}")
        limits = self.min_altitude_deg, self.max_sun_altitude_deg, self.min_moon_separation_deg
        if not all(map(isfinite, limits)):
            raise ValueError(f"block {self.id}: altitude, Sun and Moon limits must be numbers, got {limits}")
        for window in self.allowed:
            if not window[0] < window[1]:
                raise ValueError(f"block {self.id}: its window ends before it begins: {window}")
        if not 0 <= self.gap_s[0] <= self.gap_s[1]:
            raise ValueError(f"block {self.id}: gap must be the least and the greatest seconds, got {self.gap_s}")

    @classmethod
    def make(
        cls,
        id: Id,
        target: SkyCoord,
        duration_s: float,
        *,
        window: tuple[Time, Time] | None = None,
        **limits: float | str | tuple[str, ...] | None,
    ) -> Block:
        """Make a block from astropy objects.

        :param target: any frame that turns into ICRS
        :param window: start and end that must hold the whole of it
        :param limits: the other fields by name
        """
        icrs = target.icrs
        span = None if window is None else (float(window[0].utc.unix), float(window[1].utc.unix))
        return cls(id, float(icrs.ra.deg), float(icrs.dec.deg), duration_s, window=span, **limits)  # type: ignore[arg-type]

    @property
    def worth(self) -> float:
        """What it is worth when plans are made by value."""
        value = max(self.priority, 0.0) * self.duration_s if self.value is None else self.value
        return value * GRADES.get(self.grade, 1.0)

    @property
    def allowed(self) -> tuple[tuple[float, float], ...]:
        """Its windows; none if it may be at any time."""
        return self.windows if self.window is None else (self.window, *self.windows)

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return self.name or str(self.id)


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where the telescope stands at the begin of a plan, and its filter.

    :param ra_deg: ICRS, as ``dec_deg``
    """

    ra_deg: float
    dec_deg: float
    filter: str = ""

    def way_s(self, sky: Sky, block: Block, direction: Floats, transition: Transition) -> float:
        """Give the time from here to a block."""
        here = sky.directions(self.ra_deg, self.dec_deg)[0]
        angle = float(np.degrees(2 * np.arcsin(min(1.0, float(np.linalg.norm(here - direction)) / 2))))
        slew = 0.0 if transition.slew_rate_deg_s is None else angle / transition.slew_rate_deg_s
        changes = bool(self.filter and block.filters and self.filter != block.filters[0])
        return slew + transition.settle_s + changes * transition.filter_change_s + transition.flip_s


@dataclass(frozen=True, slots=True)
class Transition:
    """Time from the end of one block to the start of the next.

    :param slew_rate_deg_s: along the great circle; None if slewing costs nothing
    :param settle_s: once for each move
    :param filter_change_s: when the next begins with another filter than the last ended with
    :param flip_s: of a German mount, when the next may be on the other side of the meridian
    """

    slew_rate_deg_s: float | None = 2.0
    settle_s: float = 5.0
    filter_change_s: float = 10.0
    flip_s: float = 0.0
