"""Put the begin of one route before the end of another: of all such pairs the one that is worth most.

All pairs of all routes are looked at together (one-point crossover, as in genetic algorithms, but of every cut).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.stretches import used_s

Singles = NDArray[np.float32]

_TRIED = 40  # pairs that are looked at more closely


def crossed(c: Candidates, routes: Sequence[Route]) -> Route | None:
    """Find the best route that begins as one of some routes and ends as another.

    :return: None if none is worth more than the best of them
    """
    if c.linked or c.quality is not None:
        return None  # what follows would depend on what it was cut from
    least = max(route.value(c) for route in routes)
    cuts_a = [(r, p) for r in routes for p in range(1, len(r.order) + 1)]
    cuts_b = [(r, q) for r in routes for q in range(len(r.order))]
    if not cuts_a:
        return None
    last = np.array([r.order[p - 1] for r, p in cuts_a])
    first = np.array([r.order[q] for r, q in cuts_b])
    leaves = np.concatenate([r.earliest + c.duration_s[list(r.order)] for r in routes])
    latest = np.concatenate([r.latest for r in routes])
    total = _begins_and_ends(c, routes)
    good = (total > least + 1e-3) & (leaves[:, None] + c.transition_s[np.ix_(last, first)] <= latest)
    a, b = np.nonzero(good)
    promising = np.argsort(-total[a, b], kind="stable")[:_TRIED]
    for i, k in zip(a[promising].tolist(), b[promising].tolist(), strict=True):
        (head, p), (tail, q) = cuts_a[i], cuts_b[k]
        begin = head.order[:p]
        order = (*begin, *(x for x in tail.order[q:] if x not in begin))
        if len(c.quota_s) and (used_s(c, order) > c.quota_s + 1e-6).any():
            continue
        if not set(c.fixed) <= set(order):
            continue
        route = Route.through(c, order)
        if route is not None and route.value(c) > least + 1e-9:
            return route
    return None


def _begins_and_ends(c: Candidates, routes: Sequence[Route]) -> Singles:
    """Give what each begin of a route (row) is worth together with each end of one (column).

    What is in both counts once.  No product of matrices: that wakes threads, which go on spinning.
    """
    blocks = np.concatenate([route.order for route in routes]).astype(np.int64)
    worth = c.value[blocks].astype(np.float32)
    both: Singles = np.where(blocks[:, None] == blocks, worth, np.float32(0.0))
    begins, ends = worth.copy(), worth.copy()
    at = 0
    for route in routes:
        own = slice(at, at := at + len(route.order))
        begins[own], ends[own] = np.cumsum(worth[own]), np.cumsum(worth[own][::-1])[::-1]
        np.cumsum(both[own], axis=0, out=both[own])
        both[:, own] = np.cumsum(both[:, own][:, ::-1], axis=1)[:, ::-1]
    return begins[:, None] + ends - both
