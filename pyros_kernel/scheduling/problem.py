"""A night's problem as JSON, in the format of nightbench (benchmarks/nightbench): times are seconds after t0."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import acos, degrees
from pathlib import Path
from typing import Any

import astropy.units as u
from astropy.coordinates import EarthLocation
from astropy.time import Time

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.outcome import Plan, Search
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.sky import Sky

_HIGHEST_PRIORITY = 6  # 1 of 5 is worth five times its exposure, 5 of 5 once


class BadProblem(ValueError):
    """A problem that can't be read; says which field of which request."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A night to plan, as :func:`read_problem` gives it."""

    sky: Sky
    blocks: tuple[Block, ...]
    transition: Transition
    t0_unix_s: float
    length_s: float
    quotas: dict[str, float]
    blocked: tuple[tuple[float, float], ...]

    def plan(self, search: Search | None) -> Plan:
        """Plan it."""
        return plan(
            self.blocks,
            self.sky,
            self.transition,
            start_unix_s=self.t0_unix_s,
            end_unix_s=self.t0_unix_s + self.length_s,
            blocked=self.blocked,
            search=search,
            quotas=self.quotas,
        )

    def rows(self, made: Plan) -> list[tuple[str, float, float]]:
        """Write a plan as (request, start, end), seconds after t0."""
        return [(str(p.id), p.start_unix_s - self.t0_unix_s, p.end_unix_s - self.t0_unix_s) for p in made.placed]


def read_problem(path: Path) -> Problem:
    """Read a problem.

    :raises BadProblem: naming what is wrong with it, and where
    """
    try:
        data = json.loads(path.read_text())
        site, t0 = data["site"], float(Time(data["t0"], scale="utc").unix)
        location = EarthLocation.from_geodetic(site["lon"] * u.deg, site["lat"] * u.deg, site["height"] * u.m)
        length = float(data["length"])
        sky = Sky(location, Time(t0 + length / 2, format="unix"))
        slew = data["transition"]["slew_rate"]
        transition = Transition(slew or None, 0.0, data["transition"]["filter_change"])
        blocked = tuple((t0 + float(a), t0 + float(b)) for a, b in data.get("blocked", ()))
        quotas = _quotas(data.get("quotas") or {}, sky, t0, length)
        requests = list(data["requests"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadProblem(f"{path}: not a night's problem: {_words(error)}") from error
    blocks: list[Block] = []
    for number, request in enumerate(requests):
        try:
            blocks.append(_block(request, t0))
        except (KeyError, TypeError, ValueError) as error:
            raise BadProblem(f"{path}: request {number}: {_words(error)}") from error
    return Problem(sky, tuple(blocks), transition, t0, length, quotas, blocked)


def _words(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _quotas(shares: dict[str, float], sky: Sky, t0: float, length: float) -> dict[str, float]:
    if not shares:
        return {}
    night = sky.night  # shares are of the astronomical night
    dark = min(night.dawn_unix_s, t0 + length) - max(night.dusk_unix_s, t0)
    return {name: float(share) * max(0.0, dark) for name, share in shares.items()}


def _block(r: dict[str, Any], t0: float) -> Block:
    floor = 90.0 - degrees(acos(1.0 / float(r["max_airmass"])))
    if r.get("min_alt") is not None:
        floor = max(floor, float(r["min_alt"]))
    window, count = r.get("window"), int(r["n_exp"])
    return Block(
        str(r["id"]),
        float(r["ra"]),
        float(r["dec"]),
        float(r["acquisition"]) + count * (float(r["t_exp"]) + float(r["readout"])),
        priority=_HIGHEST_PRIORITY - int(r["priority"]),
        min_altitude_deg=floor,
        max_sun_altitude_deg=float(r.get("sun_alt_max", -18.0)),
        min_moon_separation_deg=float(r.get("moon_sep_min") or 0.0),
        max_moon_illumination=r.get("moon_illum_max"),
        window=None if window is None else (t0 + float(window[0]), t0 + float(window[1])),
        filters=(str(r["filter"]),),
        programme=str(r.get("programme", "")),
        value=(_HIGHEST_PRIORITY - int(r["priority"])) * count * float(r["t_exp"]),
    )
