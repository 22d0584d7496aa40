"""Mend an order of blocks that can't be observed any more: keep what can be kept, fill what has come free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from math import inf

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.route import Route


def mended(c: Candidates, wanted: Iterable[int], first: Set[int], before: Mapping[int, float]) -> tuple[int, ...]:
    """Keep what can be kept of an order, each in its place.

    :param wanted: what it was made of
    :param first: what goes before all others: what runs, alerts and pins
    :param before: when each was to begin
    """

    earliest = {k: c.spans[k][0][0] for k in first}

    def wish(k: int) -> float:
        if k in first:
            return earliest[k]
        begin = before.get(k, inf)
        # What would still last when one of the first may begin comes after it.
        overlapped = [at for j, at in earliest.items() if j not in c.fixed and begin < at < begin + c.duration_s[k]]
        return min(overlapped, default=begin)

    order = tuple(sorted({*first, *wanted}, key=lambda k: (k not in c.fixed, wish(k), k not in first)))
    return Route.of_what_fits(c, order, first).order


def refilled(c: Candidates, order: tuple[int, ...], pool: Sequence[int], spent: Collection[int]) -> tuple[int, ...]:
    """Insert from a pool what fits.

    :param spent: blocks of the past, which count to their quotas
    """
    route = Route.through(c, order)
    if route is None:
        return order
    left = c.quota_s.copy()
    for k in spent:
        if c.quota_of[k] >= 0:
            left[c.quota_of[k]] -= c.duration_s[k]
    return route.filled(replace(c, quota_s=left), np.array(pool, dtype=np.int64), 0.9).order


def starts_near(c: Candidates, order: tuple[int, ...], before: Mapping[int, float]) -> dict[int, float]:
    """Give starts of an order: those of before where they still can be."""
    route = Route.through(c, order)
    if route is None:
        return {}
    begin: dict[int, float] = {}
    arrival = -inf
    for i, k in enumerate(order):
        wish = max(before.get(k, -inf), arrival, float(route.earliest[i]))
        start = min(wish, float(route.latest[i]))
        start = min((max(a, start) for a, b in c.spans[k] if start <= b), default=float(route.earliest[i]))
        start = max(min(start, float(route.latest[i])), arrival, float(route.earliest[i]))
        begin[k] = start
        way = float(c.transition_s[k, order[i + 1]]) if i + 1 < len(order) else 0.0
        arrival = start + float(c.duration_s[k]) + way
    return begin
