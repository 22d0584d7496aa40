"""How good plans are proved to be: the gap to the proven bound on several nights, after some CPU seconds.

By default after one second; ``--full`` after thirty too, and on nights with quotas.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import FULL
from benchmarks.nightbench.adapter import blocks_of, plan_of, rows_of, sky_of
from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Search

NIGHTS = (("OHP", "2026-11-09"), ("OHP", "2026-11-17"), ("OHP", "2026-11-22"), ("SPM", "2026-11-22"))
NUMBERS = (25, 50, 100, 200, 400)


def run() -> Iterator[tuple[str, str]]:
    """Plan every set, and judge the plans."""
    for seconds in (1.0, 30.0) if FULL else (1.0,):
        for seed, (site, night) in enumerate(NIGHTS, 1):
            for n in NUMBERS:
                yield _gap(n, site, night, seed, seconds, quotas=False)
                if FULL:
                    yield _gap(n, site, night, seed, seconds, quotas=True)


def _gap(n: int, site: str, night: str, seed: int, seconds: float, *, quotas: bool) -> tuple[str, str]:
    problem = make_problem(n, site, night, seed, quotas=quotas)
    sky, blocks = sky_of(problem), blocks_of(problem)
    began, began_cpu = time.perf_counter(), time.process_time()
    # What comes after the search (starts within the order, words) has its time within the same second.
    made = plan_of(problem, sky, blocks, Search(1_000_000, cpu_s=seconds - 0.05))
    spent_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    report = evaluate(problem, rows_of(problem, made), step=60.0)
    return (
        f"{problem.name}, {seconds:g} s",
        f"gap {100 * (made.gap or 0):.2f} %: {report.score:.0f} of at most {made.bound:.0f}, "
        f"{report.n_strict} violations, {cpu_s:.2f} CPU s, {spent_s:.2f} s",
    )
