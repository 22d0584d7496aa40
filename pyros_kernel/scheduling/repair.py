"""Mend an order of blocks that can't be observed any more: keep what can be kept, fill what has come free."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.route import Route


def mended(c: Candidates, wanted: Sequence[int], first: Sequence[int], before: Mapping[int, float]) -> tuple[int, ...]:
    """Keep what can be kept of an order, each in its place.

    :param wanted: the order that was
    :param first: what goes before all others: what runs, then alerts and pins
    :param before: when each was to begin
    """
    must = list(first)
    kept = Route.through(c, tuple(must))
    while kept is None and must:
        must.pop()
        kept = Route.through(c, tuple(must))
    order = list(kept.order) if kept is not None else []
    at_once = sorted(
        {*order, *wanted}, key=lambda k: (k not in c.fixed, before.get(k, c.spans[k][0][0] if c.spans[k] else inf))
    )
    if Route.through(c, tuple(at_once)) is not None:
        return tuple(at_once)
    for k in wanted:
        if k in order:
            continue
        starts = {m: s for m, s in zip(order, _starts_of(c, order), strict=True)}
        place = sum(starts[m] < before.get(k, -inf) for m in order)
        for at in range(place, len(order) + 1):
            if Route.through(c, (*order[:at], k, *order[at:])) is not None:
                order.insert(at, k)
                break
    return tuple(order)


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


def _starts_of(c: Candidates, order: Sequence[int]) -> list[float]:
    route = Route.through(c, tuple(order))
    return [] if route is None else route.earliest.tolist()
