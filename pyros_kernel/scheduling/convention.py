"""astroplan's objects in and out, where astroplan is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import asin, degrees
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.constraints import Constraint, View
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.outcome import Plan


class NoAstroplan(ImportError):
    """astroplan is not installed; says how to get it."""


class NotUnderstood(ValueError):
    """An object that is neither astroplan's nor ours; says which."""


def blocks_of(observing_blocks: Iterable[Any], constraints: Sequence[Any] = ()) -> list[Block]:
    """Turn astroplan's ObservingBlocks into blocks.

    astroplan's smallest priority number is the most important: it becomes the largest.  A configuration's
    ``filter`` is taken.

    :param constraints: of the scheduler, for all blocks
    :raises NotUnderstood: for what is no constraint
    """
    _astroplan()
    given = list(observing_blocks)
    lowest = max((float(b.priority) for b in given), default=0.0)
    out: list[Block] = []
    for number, b in enumerate(given):
        limits: dict[str, Any] = {"min_altitude_deg": 0.0, "max_sun_altitude_deg": 90.0}
        more: list[Constraint] = []
        for constraint in (*constraints, *(b.constraints or ())):
            _limit(constraint, limits, more)
        chosen = (b.configuration or {}).get("filter")
        icrs = b.target.coord.icrs
        name = str(b.name or b.target.name or number)
        out.append(
            Block(
                f"{name}" if name not in {str(o.id) for o in out} else f"{name}-{number}",
                float(icrs.ra.deg),
                float(icrs.dec.deg),
                float(b.duration.to_value(u.s)),
                priority=lowest + 1.0 - float(b.priority),
                filters=() if chosen is None else (str(chosen),),
                constraints=tuple(more),
                name=str(b.target.name or ""),
                **limits,
            )
        )
    return out


def schedule_of(made: Plan, blocks: Sequence[Block]) -> Any:
    """Turn a plan into an astroplan Schedule, with a TransitionBlock where time goes to the way."""
    astroplan = _astroplan()
    by_id = {b.id: b for b in blocks}
    schedule = astroplan.Schedule(_time(made.start_unix_s), _time(made.end_unix_s))
    for p in made.placed:
        block = by_id[p.id]
        target = astroplan.FixedTarget(SkyCoord(block.ra_deg * u.deg, block.dec_deg * u.deg), name=block.label)
        settings = {"filter": block.filters[0]} if block.filters else {}
        duration = (p.end_unix_s - p.start_unix_s) * u.s
        own = astroplan.ObservingBlock(target, duration, block.priority, configuration=settings, name=str(block.id))
        if p.transition_s > 0:
            way = astroplan.TransitionBlock({"slew and filter": p.transition_s * u.s})
            schedule.insert_slot(_time(p.start_unix_s - p.transition_s), way)
        schedule.insert_slot(_time(p.start_unix_s), own)
    return schedule


def _limit(constraint: Any, limits: dict[str, Any], more: list[Constraint]) -> None:
    """Take one constraint of astroplan: as a limit of the block, or as a further constraint."""
    kind = type(constraint).__name__
    if kind == "AirmassConstraint" and constraint.max is not None and constraint.min in (None, 1):
        limits["min_altitude_deg"] = max(limits["min_altitude_deg"], degrees(asin(1 / float(constraint.max))))
    elif kind == "AltitudeConstraint" and u.Quantity(constraint.max).to_value(u.deg) >= 90:
        limits["min_altitude_deg"] = max(limits["min_altitude_deg"], float(u.Quantity(constraint.min).to_value(u.deg)))
    elif kind == "AtNightConstraint":
        limits["max_sun_altitude_deg"] = float(constraint.max_solar_altitude.to_value(u.deg))
    elif kind == "MoonSeparationConstraint" and constraint.min is not None and constraint.max is None:
        limits["min_moon_separation_deg"] = float(constraint.min.to_value(u.deg))
    elif kind == "MoonIlluminationConstraint" and constraint.max is not None and constraint.min in (None, 0):
        limits["max_moon_illumination"] = float(constraint.max)
    elif kind == "TimeConstraint":
        first = -1e12 if constraint.min is None else float(constraint.min.utc.unix)
        last = 1e12 if constraint.max is None else float(constraint.max.utc.unix)
        limits["window"] = first, last
    elif hasattr(constraint, "margin"):
        more.append(constraint)
    elif hasattr(constraint, "compute_constraint"):
        more.append(Borrowed(constraint))
    else:
        raise NotUnderstood(f"{constraint!r} is no constraint of astroplan, nor one of ours")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A constraint of astroplan that has no counterpart here, asked as it is: it holds or not, without a margin.

    Its edges are found to a tenth of a second; what it says between two minutes is not seen.
    """

    constraint: Any
    unit = ""

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"astroplan's {type(self.constraint).__name__}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give 1 where it holds, and -1 where not."""
        ra, dec = view.icrs_deg(unix_s)
        observer = _astroplan().Observer(location=view.location)
        times = Time(unix_s, format="unix", scale="utc")
        holds = self.constraint(observer, SkyCoord(ra, dec, unit="deg"), times=times)
        return np.where(np.asarray(holds, dtype=float) > 0.5, 1.0, -1.0)


class Foreign:
    """One of our constraints as astroplan's: ``constraint(observer, targets, times=…)`` gives yes or no.

    :param constraint: of :mod:`pyros_kernel.scheduling.constraints`
    :param view: makes the view of a target: ``view(ra_deg, dec_deg)``
    """

    def __init__(self, constraint: Constraint, view: Any) -> None:
        self._constraint, self._view = constraint, view

    def compute_constraint(self, times: Time, observer: Any, targets: Any) -> Any:
        """Tell at which times it holds, as astroplan asks."""
        where = targets.coord.icrs if hasattr(targets, "coord") else targets.icrs
        moments: Floats = np.atleast_1d(np.asarray(times.utc.unix, dtype=np.float64))
        rows: list[Any] = []
        for ra, dec in zip(np.atleast_1d(where.ra.deg), np.atleast_1d(where.dec.deg), strict=True):
            view: View = self._view(float(ra), float(dec))
            rows.append(self._constraint.margin(view, moments) >= 0)
        return np.array(rows)


def _astroplan() -> Any:
    if find_spec("astroplan") is None:
        raise NoAstroplan("astroplan is not installed: pip install astroplan")
    import astroplan

    return astroplan


def _time(unix_s: float) -> Time:
    return Time(unix_s, format="unix", scale="utc")
