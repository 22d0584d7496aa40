"""What the planner is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from astropy.coordinates import SkyCoord
from astropy.time import Time

Id = int | str


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
        limits = self.min_altitude_deg, self.max_sun_altitude_deg, self.min_moon_separation_deg
        if not all(map(isfinite, limits)):
            raise ValueError(f"block {self.id}: altitude, Sun and Moon limits must be numbers, got {limits}")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"block {self.id}: its window ends before it begins: {self.window}")

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
        return max(self.priority, 0.0) * self.duration_s if self.value is None else self.value

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return self.name or str(self.id)


@dataclass(frozen=True, slots=True)
class Transition:
    """Time from the end of one block to the start of the next.

    :param slew_rate_deg_s: along the great circle; None if slewing costs nothing
    :param settle_s: once for each move
    :param filter_change_s: when the next begins with another filter than the last ended with
    """

    slew_rate_deg_s: float | None = 2.0
    settle_s: float = 5.0
    filter_change_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Search:
    """Ask for the plan of most value, in place of strict priority.

    The same seed and iterations give the same plan, on any machine.

    :param iterations: steps of the search, some milliseconds each; 0 for the first plan
    :param gap: stop searching when no better plan can be better by more than this share
    :param stop: asked before each step whether to end early
    """

    iterations: int = 300
    seed: int = 0
    gap: float = 0.0
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Placement:
    """A block that found its place.

    :param why: why it lies there, in words
    :param transition_s: time kept free before its start for getting there from the block before
    """

    id: Id
    start_unix_s: float
    end_unix_s: float
    why: str
    transition_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A block that found none, and the reason in words with numbers."""

    id: Id
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: ``placed`` in order of time, ``rejected`` in order of priority.

    :param bound: the value that no plan can exceed; None where it was made by strict priority
    """

    start_unix_s: float
    end_unix_s: float
    placed: tuple[Placement, ...] = field(default=())
    rejected: tuple[Rejection, ...] = field(default=())
    value: float = 0.0
    bound: float | None = None

    @property
    def gap(self) -> float | None:
        """By what share of its bound the plan may be short of the best one at most; None without a bound."""
        if self.bound is None:
            return None
        return 0.0 if self.bound <= 0 else max(0.0, 1.0 - self.value / self.bound)
