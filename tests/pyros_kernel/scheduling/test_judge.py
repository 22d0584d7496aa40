"""The neutral judge finds nothing: it shares no ephemeris with the planner."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from benchmarks.nightbench.adapter import blocks_of, plan_of, rows_of, sky_of
from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Search

NEW, HALF, FULL = ("OHP", "2026-11-09"), ("OHP", "2026-11-17"), ("OHP", "2026-11-22")
SPM_FULL = ("SPM", "2026-11-22")


@pytest.mark.parametrize("night", [NEW, HALF, FULL, SPM_FULL], ids="-".join)
@pytest.mark.parametrize(("n", "seed", "transitions"), [(25, 1, True), (50, 2, False), (100, 3, True)])
def test_no_violation(night: tuple[str, str], n: int, seed: int, transitions: bool) -> None:
    problem = make_problem(n, *night, seed=seed, transitions=transitions)
    t = problem.length / 2
    problem = replace(problem, blocked=((t, t + 1800.0),))
    made = plan_of(problem, sky_of(problem), blocks_of(problem))
    report = evaluate(problem, rows_of(problem, made), step=120.0)
    assert report.violations == []
    assert (report.n_unknown, report.n_duplicate) == (0, 0)
    assert report.n_scheduled == len(made.placed) >= n // 4


@pytest.mark.timeout(600)
@pytest.mark.parametrize("night", [NEW, HALF, FULL, SPM_FULL], ids="-".join)
@pytest.mark.parametrize("n", [25, 100, 400] if os.environ.get("PYROS_NIGHTLY") else [40])
@pytest.mark.parametrize("seed", range(1, 6) if os.environ.get("PYROS_NIGHTLY") else [7])
@pytest.mark.parametrize(("transitions", "quotas"), [(True, True), (True, False), (False, True), (False, False)])
def test_no_violation_by_value(night: tuple[str, str], n: int, seed: int, transitions: bool, quotas: bool) -> None:
    problem = make_problem(n, *night, seed=seed, transitions=transitions, quotas=quotas)
    made = plan_of(problem, sky_of(problem), blocks_of(problem), Search(6, seed))
    report = evaluate(problem, rows_of(problem, made), step=120.0)
    assert report.violations == []
    assert report.score == pytest.approx(made.value)
    assert made.bound is not None and made.value <= made.bound * (1 + 1e-9)


def test_the_judge_would_find_one() -> None:
    problem = make_problem(25, *HALF)
    rows = rows_of(problem, plan_of(problem, sky_of(problem), blocks_of(problem)))
    late = [(i, a + 4 * 3600.0, b + 4 * 3600.0) for i, a, b in rows]
    kinds = {v.kind for v in evaluate(problem, late, step=300.0).violations}
    assert {"alt", "window"} <= kinds


def test_the_night_is_used() -> None:
    # Strict priority fills a night as well as astroplan's PriorityScheduler did (114 320 here, 20 s grid).
    problem = make_problem(100, *HALF)
    report = evaluate(problem, rows_of(problem, plan_of(problem, sky_of(problem), blocks_of(problem))), step=120.0)
    assert report.score > 125_000
    assert report.dark_fraction_occupied > 0.85
