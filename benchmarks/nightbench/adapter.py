"""Give a problem to the planner of PyROS, and its plan back to the judge."""

from __future__ import annotations

import astropy.units as u
from astropy.coordinates import EarthLocation
from astropy.time import Time

from benchmarks.nightbench.model import WEIGHT_LINEAR, Problem
from pyros_kernel.scheduling import Block, Plan, Search, Sky, Transition, plan


def sky_of(problem: Problem) -> Sky:
    """Make the sky of a problem's night."""
    site = problem.site
    location = EarthLocation.from_geodetic(site.lon * u.deg, site.lat * u.deg, site.height * u.m)
    return Sky(location, Time(problem.t0) + problem.length / 2 * u.s)


def blocks_of(problem: Problem) -> list[Block]:
    """Turn the requests into blocks; priority 1 of 5 is the most important there, the largest here."""
    t0 = float(Time(problem.t0).unix)
    return [
        Block(
            r.id,
            r.ra,
            r.dec,
            r.duration,
            priority=6 - r.priority,
            min_altitude_deg=r.alt_floor,
            max_sun_altitude_deg=r.sun_alt_max,
            min_moon_separation_deg=r.moon_sep_min or 0.0,
            max_moon_illumination=r.moon_illum_max,
            window=None if r.window is None else (t0 + r.window[0], t0 + r.window[1]),
            filters=(r.filter,),
            value=WEIGHT_LINEAR[r.priority] * r.exposure,
            programme=r.programme,
        )
        for r in problem.requests
    ]


def quotas_of(problem: Problem, sky: Sky) -> dict[str, float]:
    """Give the quotas in seconds: they are shares of the astronomical night."""
    if not problem.quotas:
        return {}
    dark_s = sky.night.dawn_unix_s - sky.night.dusk_unix_s
    return {programme: share * dark_s for programme, share in problem.quotas.items()}


def plan_of(problem: Problem, sky: Sky, blocks: list[Block], search: Search | None = None) -> Plan:
    """Plan a problem's night, by priority or by value."""
    t0 = float(Time(problem.t0).unix)
    return plan(
        blocks,
        sky,
        Transition(problem.transition.slew_rate, 0.0, problem.transition.filter_change),
        start_unix_s=t0,
        end_unix_s=t0 + problem.length,
        blocked=[(t0 + a, t0 + b) for a, b in problem.blocked],
        search=search,
        quotas=quotas_of(problem, sky),
    )


def rows_of(problem: Problem, made: Plan) -> list[tuple[str, float, float]]:
    """Write a plan as the judge reads it."""
    t0 = float(Time(problem.t0).unix)
    return [(str(p.id), p.start_unix_s - t0, p.end_unix_s - t0) for p in made.placed]
