"""The sky table and the plan, next to astropy's own altitudes, in CPU seconds of one run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord
from astropy.time import Time

from benchmarks import least_cpu_s
from benchmarks.nightbench.adapter import blocks_of, plan_of, rows_of, sky_of
from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Block, Search, Sky, Transition
from pyros_kernel.scheduling.events import Alert
from pyros_kernel.scheduling.replanning import Replanner

MINUTES, RUNS = 720, 7


def run() -> Iterator[tuple[str, str]]:
    """Measure, and judge what was planned."""
    problem = make_problem(100)
    place = sky_of(problem).location
    yield "Sky of a night, with sunset to sunrise", _ms(least_cpu_s(lambda: Sky(place, "2026-11-17").night, RUNS))
    sky = sky_of(problem)
    yield "Sun and Moon once, as a panel asks", _ms(least_cpu_s(lambda: _panel(sky), RUNS))
    for n in (100, 1000):
        yield from _table(n)
    for n in (25, 100, 400, 1000):
        yield from _plans(n)
    for n in (50, 100, 400):
        yield from _replans(n)


def _table(n: int) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, n), rng.uniform(-30, 85, n)
    sky = sky_of(make_problem(1))
    unix_s = sky.midnight_unix_s + np.arange(-MINUTES / 2, MINUTES / 2) * 60.0
    ours = sky.altitudes_deg(sky.directions(ra, dec), unix_s)
    ours_s = least_cpu_s(lambda: sky.altitudes_deg(sky.directions(ra, dec), unix_s), RUNS)
    frame = AltAz(obstime=Time(unix_s, format="unix")[None, :], location=sky.location)
    targets = SkyCoord(ra * u.deg, dec * u.deg)[:, None]
    began = time.process_time()
    theirs = targets.transform_to(frame).alt.deg
    theirs_s = time.process_time() - began
    error = np.abs(ours - theirs).max() * 3600
    yield (
        f"altitudes of {n} targets at {MINUTES} times",
        f"{_ms(ours_s)}, astropy {_ms(theirs_s)}: {theirs_s / ours_s:.0f} x, differs by {error:.2f} arcsec",
    )


def _plans(n: int) -> Iterator[tuple[str, str]]:
    problem = make_problem(n)
    sky, blocks = sky_of(problem), blocks_of(problem)
    made = plan_of(problem, sky, blocks)
    cpu_s = least_cpu_s(lambda: plan_of(problem, sky, blocks), RUNS)
    report = evaluate(problem, rows_of(problem, made), step=60.0)
    yield (
        f"plan of {n} blocks, windows included",
        f"{_ms(cpu_s)}, {len(made.placed)} placed, score {report.score:.0f}, {report.n_strict} violations",
    )


def _replans(n: int) -> Iterator[tuple[str, str]]:
    problem = make_problem(n)
    sky, blocks = sky_of(problem), blocks_of(problem)
    made = plan_of(problem, sky, blocks, Search(2))
    way = Transition(problem.transition.slew_rate, 0.0, problem.transition.filter_change)
    now = made.placed[len(made.placed) // 2].start_unix_s + 30.0
    burst = Block("GRB", blocks[5].ra_deg, 60.0, 600.0, priority=9)
    spent: list[float] = []
    for _ in range(5):
        replanner = Replanner(blocks, sky, way, made)
        began = time.process_time()
        replanner.replan(now, Alert(burst))
        spent.append(time.process_time() - began)
    yield f"an alert into a plan of {n} blocks", f"{_ms(min(spent))}, worst of five {_ms(max(spent))}"


def _panel(sky: Sky) -> None:
    sky.sun_altitude_deg(sky.midnight_unix_s)
    sky.moon(sky.midnight_unix_s)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"
