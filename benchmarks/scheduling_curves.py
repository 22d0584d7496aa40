"""What a plan costs against the number of requests and against the grid, drawn: docs/pictures/planning-cost.png.

The planner has no grid of times; its path bound has, and so have the peers. Its picture is drawn anew by ``--full``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks import FULL, least_cpu_s
from benchmarks.nightbench.adapter import blocks_of, plan_of, sky_of
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Search
from pyros_kernel.scheduling.block import Transition
from pyros_kernel.scheduling.bound import market
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.paths import Paths
from pyros_kernel.scheduling.search import greedy
from pyros_kernel.scheduling.visibility import Visibilities

NUMBERS = (25, 50, 100, 200, 400, 700, 1000)
CELLS_S = (20.0, 10.0, 5.0, 2.0, 1.0)
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "planning-cost.png"


def run() -> Iterator[tuple[str, str]]:
    """Measure both curves."""
    first, value = [], []
    for n in NUMBERS:
        problem = make_problem(n)
        sky, blocks = sky_of(problem), blocks_of(problem)
        first.append(least_cpu_s(partial(plan_of, problem, sky, blocks), 3))
        value.append(least_cpu_s(partial(plan_of, problem, sky, blocks, Search(0)), 2))
    yield "first plan, ms at N = " + ", ".join(map(str, NUMBERS)), ", ".join(f"{1e3 * s:.3g}" for s in first)
    yield "plan by value with its bound, ms", ", ".join(f"{1e3 * s:.3g}" for s in value)
    grid_s, bounds = _grid(100)
    yield (
        "one path bound of N = 100, cells of s: " + ", ".join(f"{s:g}" for s in CELLS_S),
        ", ".join(f"{1e3 * s:.3g} ms ({b:.0f})" for s, b in zip(grid_s, bounds, strict=True)),
    )
    if FULL:
        _draw(first, value, grid_s, bounds)
        yield "drawn", str(PICTURE)


def _grid(n: int) -> tuple[list[float], list[float]]:
    problem = make_problem(n)
    sky, blocks = sky_of(problem), blocks_of(problem)
    begin = float(sky.midnight_unix_s) - problem.length / 2
    finder = Visibilities(sky, begin, begin + problem.length, ((begin, begin + problem.length),))
    seen = zip(blocks, finder.of(blocks), strict=True)
    queue = [(b, v) for b, v in seen if any(e - a >= b.duration_s for a, e in v.together)]
    c = Candidates.of(queue, Transition(problem.transition.slew_rate, 0.0, problem.transition.filter_change))
    price = market(c, greedy(c).value(c)).gain.max(axis=1, initial=0.0)
    able = np.flatnonzero((c.first <= c.last).any(axis=1)).astype(np.int64)
    spent, bounds = [], []
    for cell_s in CELLS_S:
        paths = Paths(c, able, cell_s)
        spent.append(least_cpu_s(partial(paths.best, price[able]), 2))
        bounds.append(float(price.sum()) + paths.best(price[able])[0])
    return spent, bounds


def _draw(first: list[float], value: list[float], grid_s: list[float], bounds: list[float]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.loglog(NUMBERS, first, "o-", label="first plan")
    left.loglog(NUMBERS, value, "s-", label="plan by value, with its bound")
    left.set(xlabel="requests", ylabel="CPU s", title="Cost against N")
    left.legend(frameon=False)
    right.semilogx(CELLS_S, np.array(grid_s) * 1e3, "o-", color="C2")
    right.set(xlabel="cell of the path bound (s)", ylabel="CPU ms of one step", title="Cost and bound against the grid")
    other = right.twinx()
    other.plot(CELLS_S, bounds, "s--", color="C3")
    other.set_ylabel("bound (dashed)")
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)
