"""Parts of a night that are built, and the partial plans that are built for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.bound import Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a night that is built.

    :param origin: block before it, None for the begin of the plan
    :param leaves_unix_s: when that ends
    :param pins: (block, latest start) that must be met, in order of time; the plan goes on after the last one
        only if ``open_end``
    :param excluded: blocks that have their place elsewhere
    :param used_s: of each quota, elsewhere
    :param began: starts of the blocks elsewhere, NaN for the others; only where some must follow others
    :param familiar: blocks that are thought of, whatever they promise
    """

    origin: int | None
    leaves_unix_s: float
    pins: tuple[tuple[int, float], ...]
    excluded: NDArray[np.bool_]
    used_s: Floats
    open_end: bool = True
    began: Floats | None = None
    familiar: tuple[int, ...] = ()


class Tables:
    """What the blocks that are thought of in each leg are, side by side: each leg has columns of its own.

    ``columns`` are those blocks, shape (legs, M), and ``first``, ``last`` their spans, ``gain`` what they would
    gain from each cell of the leg on, ``rest`` its sum.  ``pin`` and ``limit`` are the pins, padded, ``pins`` how many;
    ``part`` says which legs are less than a whole plan.
    """

    def __init__(self, c: Candidates, market: Market, legs: Sequence[Leg], noise: Floats, most: int | None) -> None:
        n = len(c.value)
        longest = max(len(leg.pins) for leg in legs)
        self.pin = np.array([[k for k, _ in leg.pins] + [n] * (longest + 1 - len(leg.pins)) for leg in legs])
        self.limit = np.array([[s for _, s in leg.pins] + [np.inf] * (longest + 1 - len(leg.pins)) for leg in legs])
        self.pins = np.array([len(leg.pins) for leg in legs])
        self.open_end = np.array([leg.open_end for leg in legs])
        self.part = np.array([leg.origin is not None or not leg.open_end for leg in legs])
        leaves = np.array([leg.leaves_unix_s for leg in legs])
        self.since_unix_s = np.where(np.isfinite(leaves), leaves, market.begin_unix_s)
        until = np.array([np.inf if leg.open_end or not leg.pins else leg.pins[-1][1] for leg in legs])
        low = market.cell(self.since_unix_s)
        length = int((market.cell(until) - low).max()) + 1
        cells = np.minimum(low[:, None] + np.arange(length), len(market.left) - 1)
        self._market, self._low, self._length = market, low, length
        rows = [_thought_of(c, market, leg, noise[i], int(low[i]), most) for i, leg in enumerate(legs)]
        width = max(len(r) for r in rows)
        padded = np.array([np.pad(r, (0, width - len(r)), constant_values=n) for r in rows])
        there = padded < n
        self.columns: Ints = np.where(there, padded, 0)
        self.first = np.where(there, c.first.T[:, self.columns], np.inf)
        self.last = np.where(there, c.last.T[:, self.columns], -np.inf)
        # What can't start in any leg needs no look at all.
        used = ((self.last >= leaves[:, None]) & (self.first <= until[:, None])).any(axis=(1, 2))
        self.first, self.last = self.first[used], self.last[used]
        self.liked = np.take_along_axis(noise, self.columns, axis=1)
        self.gain = np.where(there[:, :, None], market.gain[self.columns[:, :, None], cells[:, None, :]], 0.0)
        self.rest = self.gain.sum(axis=1)
        self.duration_s, self.quota_of = c.duration_s[self.columns], np.zeros(0, dtype=np.int64)
        if len(c.quota_s):
            self.quota_of = np.where(c.quota_of < 0, len(c.quota_s), c.quota_of)[self.columns]

    def cell(self, unix_s: Floats, leg: Ints) -> Ints:
        """Give the cells of some moments, each counted from the begin of its leg."""
        return np.minimum(self._market.cell(unix_s) - self._low[leg], self._length - 1)


def _thought_of(c: Candidates, market: Market, leg: Leg, noise: Floats, low: int, most: int | None) -> Ints:
    free = np.flatnonzero(~leg.excluded)
    if most is None or len(free) <= most:
        return free
    until = np.inf if leg.open_end else leg.pins[-1][1]
    limit = np.minimum(c.last[free], until - c.duration_s[free, None])
    can = (np.maximum(c.first[free], leg.leaves_unix_s) <= limit).any(axis=1)
    likely = np.where(can, market.gain[free, low] + noise[free], -np.inf)
    likely[np.isin(free, [*leg.familiar, *(k for k, _ in leg.pins)])] = np.inf
    top = free[np.argpartition(-likely, most)[:most]]
    return np.sort(top)


class Nodes:
    """The partial plans that were gone on from: which blocks are in each, and what else they carry.

    :param legs: that are built, whose begins are the first ones
    :param columns: of each leg
    """

    def __init__(self, legs: Sequence[Leg], columns: int, c: Candidates) -> None:
        self.count, self._c = 0, c
        self.held: NDArray[np.bool_] = np.zeros((len(legs), columns), dtype=bool)
        self.used: Floats = np.array([leg.used_s for leg in legs])
        nothing = np.full(len(c.value) if c.linked else 0, np.nan)
        self.began: Floats = np.array([nothing if leg.began is None else leg.began for leg in legs])
        self.parent: list[Ints] = []
        self.last: list[Ints] = []

    def add(self, parent: Ints, last: Ints, column: Ints, start: Floats) -> Ints:
        """Add partial plans, each a former one and a block more; give their numbers."""
        c = self._c
        node = np.arange(self.count, self.count + len(parent))
        self.count += len(parent)
        self.parent.append(parent)
        self.last.append(last)
        if parent[0] < 0:
            return node
        while self.count > len(self.held):
            more = max(256, len(self.held))
            self.held = np.pad(self.held, ((0, more), (0, 0)))
            self.used, self.began = np.pad(self.used, ((0, more), (0, 0))), np.pad(self.began, ((0, more), (0, 0)))
        self.held[node] = self.held[parent]
        self.held[node, column] = True
        if self.used.shape[1]:
            self.used[node] = self.used[parent]
            counted = c.quota_of[last] >= 0
            self.used[node[counted], c.quota_of[last[counted]]] += c.duration_s[last[counted]]
        if self.began.shape[1]:
            self.began[node] = self.began[parent]
            self.began[node, last] = start
        return node

    def order(self, node: int) -> tuple[int, ...]:
        """Give the blocks of a partial plan."""
        parent, last = np.concatenate(self.parent), np.concatenate(self.last)
        order: list[int] = []
        while parent[node] >= 0:
            order.append(int(last[node]))
            node = int(parent[node])
        return tuple(reversed(order))
