"""Next to astroplan's PriorityScheduler at its defaults: the same problems, the same judge, CPU seconds of one run.

By default N = 25 alone, a minute; ``--full`` goes on to N = 400, which takes astroplan half an hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks import FULL
from benchmarks.nightbench.adapter import blocks_of, plan_of, rows_of, sky_of
from benchmarks.nightbench.evaluate import Report, evaluate
from benchmarks.nightbench.generate import make_problem
from benchmarks.nightbench.model import Problem
from pyros_kernel.scheduling import Plan, Search

SEARCH_S = 1.0


def run() -> Iterator[tuple[str, str]]:
    """Measure, and judge what was planned."""
    if find_spec("astroplan") is None:
        yield "astroplan", "not installed: pip install astroplan"
        return
    for n in (25, 50, 100, 200, 400) if FULL else (25,):
        yield from _next_to_astroplan(make_problem(n))


def _next_to_astroplan(problem: Problem) -> Iterator[tuple[str, str]]:
    from benchmarks.nightbench import astroplan_

    n = len(problem.requests)
    sky, blocks = sky_of(problem), blocks_of(problem)
    spent: list[float] = []
    for _ in range(5):
        began = time.process_time()
        first = plan_of(problem, sky, blocks)
        spent.append(time.process_time() - began)
    by_value, with_quality = (
        plan_of(problem, sky, blocks, Search(1_000_000, cpu_s=SEARCH_S, quality=q)) for q in (False, True)
    )
    began = time.process_time()
    rows = astroplan_.schedule(problem)
    theirs_s = time.process_time() - began
    theirs = evaluate(problem, rows, step=30.0)
    yield (
        f"N = {n}: first valid plan, astroplan's",
        f"{1e3 * min(spent):.3g} ms, {theirs_s:.1f} s: {theirs_s / min(spent):.0f} x sooner",
    )
    yield f"N = {n}: astroplan", _words(theirs, theirs)
    yield f"N = {n}: first plan", _words(_judged(problem, first), theirs)
    yield f"N = {n}: after {SEARCH_S:g} CPU s of search", _words(_judged(problem, by_value), theirs)
    yield (
        f"N = {n}: after {SEARCH_S:g} CPU s, worth by airmass and Moon",
        _words(_judged(problem, with_quality), theirs),
    )


def _judged(problem: Problem, made: Plan) -> Report:
    return evaluate(problem, rows_of(problem, made), step=30.0)


def _words(report: Report, peer: Report) -> str:
    return (
        f"score {report.score:.0f} ({100 * (report.score / peer.score - 1):+.1f} %), by airmass "
        f"{report.score_airmass:.1f} ({100 * (report.score_airmass / peer.score_airmass - 1):+.2f} %), "
        f"{report.n_strict} violations, {report.n_severe} severe"
    )
