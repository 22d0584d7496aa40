"""Make a plan of most value: insert greedily, then ruin a part and recreate it, again and again.

Ruin and recreate with simulated annealing: Schrimpf et al. 2000, Journal of Computational Physics 159, 139.
"""

from __future__ import annotations

import numpy as np

from pyros_kernel.scheduling.block import Search
from pyros_kernel.scheduling.bound import upper_bound
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.route import Ints, Route

POWERS = (0.5, 0.75, 0.9, 1.0, 1.1)
_WARMTH = 0.01  # of the value, at the start: by so much a step may make it worse


def greedy(c: Candidates) -> Route:
    """Insert by value for added time, in several ways, and give the best.

    :raises ValueError: if the running blocks overlap
    """
    begin = Route.through(c, c.fixed)
    if begin is None:
        raise ValueError("the running blocks can't all be running: they overlap, or leave no time between them")
    pool = _outside(c, begin)
    return max((begin.filled(c, pool, power) for power in POWERS), key=lambda route: route.value(c))


def best_route(c: Candidates, search: Search) -> tuple[Route, float]:
    """Give the best route that the search allows, and the value that none can exceed.

    :raises ValueError: if the running blocks overlap
    """
    route = greedy(c)
    bound = upper_bound(c, route.value(c))
    return improve(c, route, search, enough=bound * (1 - search.gap)), bound


def improve(c: Candidates, route: Route, search: Search, enough: float) -> Route:
    """Search for a better route.

    :param enough: value at which to end
    :return: the best one found, the given one at worst
    """
    rng = np.random.default_rng(search.seed)
    best = current = route
    for step in range(search.iterations):
        if best.value(c) >= enough * (1 - 1e-9) or len(_outside(c, best)) == 0 or search.stop():
            break
        ruined = _ruined(c, current, rng)
        if ruined is None:
            continue
        trial = ruined.filled(c, _outside(c, ruined), float(rng.uniform(0.5, 1.2)))
        allowed = _WARMTH * best.value(c) * (1 - step / search.iterations) * float(rng.random()) ** 2
        if trial.value(c) >= current.value(c) - allowed:
            current = trial
        if current.value(c) > best.value(c):
            best = current
    return best


def _outside(c: Candidates, route: Route) -> Ints:
    return np.setdiff1d(np.arange(len(c.value)), np.array(route.order, dtype=np.int64))


def _ruined(c: Candidates, route: Route, rng: np.random.Generator) -> Route | None:
    """Take a stretch out, or a few here and there; half the time put one in that had no place."""
    movable = [k for k, block in enumerate(route.order) if block not in c.fixed]
    if not movable:
        return None
    if rng.random() < 0.5:
        return _with_one_forced_in(c, route, rng)
    count = int(rng.integers(1, min(6, len(movable)) + 1))
    if rng.random() < 0.7:
        at = int(rng.integers(0, len(movable) - count + 1))
        out = set(movable[at : at + count])
    else:
        out = set(rng.choice(movable, count, replace=False).tolist())
    return Route.through(c, tuple(block for k, block in enumerate(route.order) if k not in out))


def _with_one_forced_in(c: Candidates, route: Route, rng: np.random.Generator) -> Route | None:
    block = int(rng.choice(_outside(c, route)))
    spans = c.spans[block]
    a, b = spans[int(rng.integers(len(spans)))]
    start = float(rng.uniform(a, b))
    end = start + float(c.duration_s[block])
    keep = [
        (s, other)
        for s, other in zip(route.earliest.tolist(), route.order, strict=True)
        if other in c.fixed
        or s + c.duration_s[other] + c.transition_s[other, block] <= start
        or end + c.transition_s[block, other] <= s
    ]
    order = [other for _, other in sorted([*keep, (start, block)])]
    return Route.through(c, tuple(order))
