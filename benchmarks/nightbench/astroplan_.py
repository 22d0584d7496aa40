"""astroplan's PriorityScheduler, driven as its documentation shows.

Copied from nightbench (2026-11).  Durations are rounded up to the resolution: it rounds them down silently.
"""

from __future__ import annotations

import math
import warnings

import astropy.units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from benchmarks.nightbench.model import Problem, Request


def schedule(problem: Problem, resolution: float = 20.0) -> list[tuple[str, float, float]]:
    """Plan a problem; times are seconds after its t0."""
    import astroplan as ap

    t0, site = Time(problem.t0, scale="utc"), problem.site
    observer = ap.Observer(
        location=EarthLocation.from_geodetic(site.lon * u.deg, site.lat * u.deg, site.height * u.m), name=site.name
    )

    def constraints(r: Request):
        yield ap.AirmassConstraint(max=1 / math.sin(math.radians(r.alt_floor)), boolean_constraint=False)
        yield ap.AtNightConstraint(max_solar_altitude=r.sun_alt_max * u.deg)
        yield ap.MoonSeparationConstraint(min=(r.moon_sep_min or 0.0) * u.deg)
        if r.moon_illum_max is not None:
            yield ap.MoonIlluminationConstraint(max=r.moon_illum_max)
        if r.window is not None:
            yield ap.TimeConstraint(t0 + r.window[0] * u.s, t0 + r.window[1] * u.s)

    blocks = [
        ap.ObservingBlock(
            ap.FixedTarget(SkyCoord(r.ra * u.deg, r.dec * u.deg), name=r.id),
            math.ceil(r.duration / resolution - 1e-9) * resolution * u.s,
            r.priority,
            configuration={"filter": r.filter},
            constraints=list(constraints(r)),
            name=r.id,
        )
        for r in problem.requests
    ]
    t = problem.transition
    way = ap.Transitioner(
        t.slew_rate * u.deg / u.s if t.slew_rate else None,
        {"filter": {"default": t.filter_change * u.s}} if t.filter_change else None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = ap.PriorityScheduler([], observer, transitioner=way, time_resolution=resolution * u.s)
        made = scheduler(blocks, ap.Schedule(t0, t0 + problem.length * u.s))
    by_id = problem.by_id()
    rows: list[tuple[str, float, float]] = []
    for slot in made.slots:
        if slot.block is not None and hasattr(slot.block, "target"):
            a, e = ((x - t0).to_value(u.s) for x in (slot.start, slot.end))
            rows.append((slot.block.name, a, min(e, max(a + by_id[slot.block.name].duration, a))))
    return rows
