"""The relaxed night: every second has a price, and so has every second of a quota; blocks that pay are counted.

The price is constant within cells, so that the cheapest start of a block lies at a breakpoint, and the bound is
exact for continuous starts.  Where what a block is worth depends on its start, it is smooth enough between two
breakpoints to be bounded by their values.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.conflicts import cliques
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.knapsacks import Knapsacks
from pyros_kernel.scheduling.ways import nearest_s

CELL_S = 180.0
QUOTA_S = 1800.0  # a quota's price is for so much of it: steps then suit it as they suit a cell
_BENT = 2e-5  # by so much a value between two breakpoints may exceed the larger of theirs, as a share


class Prices:
    """The relaxed problem under a price for each cell of time, and for each quota.

    :param between_s: counted with each block at least, in place of the way to the nearest other one
    """

    def __init__(self, c: Candidates, between_s: float = 0.0) -> None:
        self._c, self.clique = c, cliques(c)
        # Each block holds the telescope at least until the nearest other one can begin.
        nearest, _ = nearest_s(c.transition_s)
        held = c.duration_s + np.maximum(np.where(np.isfinite(nearest), nearest, 0.0), between_s)
        self.begin_unix_s = float(c.first[np.isfinite(c.first)].min())
        end = float((c.last.max(axis=1) + held).max())
        self.cells = max(1, int(np.ceil((end - self.begin_unix_s) / CELL_S)))
        edges: Floats = self.begin_unix_s + np.arange(self.cells + 1, dtype=np.float64) * CELL_S
        starts = [_breakpoints(c, k, float(held[k]), edges) for k in range(len(c.value))]
        count = np.array([len(s) for s in starts])
        self._offset = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
        flat = np.concatenate(starts)
        self._from = (flat - self.begin_unix_s) / CELL_S
        self._to = (flat + np.repeat(held, count) - self.begin_unix_s) / CELL_S
        self._group = np.repeat(np.arange(len(starts)), count)
        # A hair above the larger neighbour, so that no start between two breakpoints is worth more.
        self._value = c.value_at(self._group, flat) * (1.0 if c.quality is None else 1 + _BENT)

    @cached_property
    def knapsacks(self) -> Knapsacks:
        """The quotas that may be too short."""
        return Knapsacks(self._c, np.arange(len(self._c.value), dtype=np.int64), self.clique)

    def bound(self, price: Floats) -> tuple[float, Floats]:
        """Give the bound at a price (value per cell, then per second of each quota), and its slope there."""
        c, time, excess = self._c, price[: self.cells], price[self.cells :] / QUOTA_S
        profit_at = self._profits(time, excess)
        profit = np.maximum.reduceat(profit_at, self._offset)
        taken = self._taken(profit)
        bound = float(time.sum() + excess @ c.quota_s + profit[taken].sum())
        slope = self._spared(profit_at, profit, taken)
        if not len(excess):
            return bound, slope
        use = np.bincount(c.quota_of[taken] + 1, c.duration_s[taken], minlength=len(excess) + 1)[1:]
        return bound, np.concatenate([slope, (c.quota_s - use) / QUOTA_S])

    def whole_bound(self, time: Floats) -> tuple[float, Floats]:
        """Give the bound where each quota holds whole blocks, at a price of time alone, and its slope there."""
        profit_at = self._profits(time, np.zeros(0))
        profit = np.maximum.reduceat(profit_at, self._offset)
        held, inside = self.knapsacks.best(profit)
        beside = profit.copy()
        beside[self.knapsacks.rows] = -np.inf
        free = self._taken(beside)
        bound = float(time.sum() + held + profit[free].sum())
        return bound, self._spared(profit_at, profit, np.sort(np.concatenate([free, inside])))

    def _spared(self, profit_at: Floats, profit: Floats, taken: Ints) -> Floats:
        """Give what is left of each cell: it offers itself once, and is asked for by each block at its best start."""
        at_best = np.flatnonzero(profit_at >= profit[self._group] - 1e-9)
        _, first = np.unique(self._group[at_best], return_index=True)
        chosen = at_best[first][taken]
        return 1.0 - (_behind(self._from[chosen], self.cells) - _behind(self._to[chosen], self.cells))

    def profits(self, time: Floats) -> Floats:
        """Give the best profit of each block at a price of time, shape (N,)."""
        return np.maximum.reduceat(self._profits(time, np.zeros(0)), self._offset)

    def gains(self, time: Floats, excess: Floats) -> tuple[Floats, Floats]:
        """Give the best profit of each block from each cell on, and the start that brings it; see Market."""
        profit, cell = self._profits(time, excess), self._from.astype(np.int64)
        gain, start = (np.full((len(self._c.value), self.cells + 1), fill) for fill in (0.0, -np.inf))
        rising = np.argsort(profit, kind="stable")
        rising = rising[profit[rising] > 0]
        gain[self._group[rising], cell[rising]] = profit[rising]
        start[self._group[rising], cell[rising]] = self.begin_unix_s + CELL_S * self._from[rising]
        for k in range(self.cells - 1, -1, -1):
            later = gain[:, k + 1] > gain[:, k]
            gain[later, k], start[later, k] = gain[later, k + 1], start[later, k + 1]
        return gain, start

    def _taken(self, profit: Floats) -> Ints:
        """Give the blocks that pay, of those that exclude each other only the best."""
        order = np.lexsort((-profit, self.clique))
        numbers = self.clique[order]
        best = order[np.concatenate([[True], numbers[1:] != numbers[:-1]])]
        return np.sort(best[profit[best] > 0]).astype(np.int64)

    def _profits(self, time: Floats, excess: Floats) -> Floats:
        paid = np.concatenate([[0.0], np.cumsum(time)])
        profit = self._value - (_between(paid, time, self._to) - _between(paid, time, self._from))
        if len(excess):
            profit -= (np.append(excess, 0.0)[self._c.quota_of] * self._c.duration_s)[self._group]
        return profit


def _behind(positions: Floats, cells: int) -> Floats:
    """Give, for each cell, the part of it that lies behind the positions, summed."""
    cell = np.minimum(positions.astype(np.int64), cells - 1)
    part = np.asarray(np.bincount(cell, weights=cell + 1 - positions, minlength=cells), dtype=np.float64)
    whole = np.cumsum(np.bincount(cell, minlength=cells)).astype(np.float64)
    return part + np.concatenate([np.zeros(1), whole[:-1]])


def _between(paid: Floats, price: Floats, position: Floats) -> Floats:
    cell = np.minimum(position.astype(np.int64), len(price) - 1)
    return paid[cell] + (position - cell) * price[cell]


def _breakpoints(c: Candidates, k: int, held_s: float, edges: Floats) -> Floats:
    """Give the starts between which the cost of a block is linear."""
    found: list[Floats] = []
    turns = np.concatenate([edges, edges - held_s])
    for a, b in c.spans[k]:
        found += [np.array([a, b]), turns[(turns > a) & (turns < b)]]
    return np.concatenate(found)
