"""How much value no plan can exceed: every second of the night gets a price, and blocks that pay it are counted.

Lagrangian relaxation of "one thing at a time" (the bound of the time-indexed linear programme), by subgradient
steps (Polyak 1969; Fisher 1981, Management Science 27, 1); of blocks that exclude each other one is counted.
The price is constant within cells, so that the cheapest start of a block lies at a breakpoint, and the bound is
exact for continuous starts.  Where what a block is worth depends on its start, it is smooth enough between two
breakpoints to be bounded by their values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.conflicts import cliques
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.ways import nearest_s

_CELL_S = 180.0
_PATIENCE = 12
_FLAT = 20
_STEPS = 40_000  # times blocks
_GUIDE = 60  # steps
QUOTA_S = 1800.0  # a quota's price is for so much of it: steps then suit it as they suit a cell
_BENT = 2e-5  # by so much a value between two breakpoints may exceed the larger of theirs, as a share


@dataclass(frozen=True, slots=True)
class Market:
    """What time costs when the night is short, and what each block would gain at that price.

    :param bound: the value that no plan can exceed
    :param begin_unix_s: begin of the first cell; each is ``cell_s`` long
    :param left: value of all time from the begin of each cell on, shape (cells + 1,)
    :param gain: best profit of each block if it starts in a cell or later, shape (N, cells + 1)
    :param excess: price of each quota, per second
    :param best_start: the start at which each block gains that, shape (N, cells + 1); -inf if it gains nothing
    :param most: best profit of each block, shape (N,), negative if it costs more than it brings
    :param clique: see :func:`pyros_kernel.scheduling.conflicts.cliques`
    """

    bound: float
    begin_unix_s: float
    cell_s: float
    left: Floats
    gain: Floats
    excess: Floats
    best_start: Floats
    most: Floats
    clique: Ints

    @property
    def time(self) -> Floats:
        """What each cell costs."""
        return self.left[:-1] - self.left[1:]

    def left_at(self, unix_s: Floats) -> Floats:
        """Give the value of all time after some moments."""
        x = np.minimum(np.maximum((unix_s - self.begin_unix_s) / self.cell_s, 0.0), len(self.left) - 1.000001)
        k = x.astype(np.int64)
        return self.left[k] + (x - k) * (self.left[k + 1] - self.left[k])

    def cell(self, unix_s: Floats) -> Ints:
        """Give the cells of some moments; before the first is the first."""
        x = (unix_s - self.begin_unix_s) / self.cell_s
        return np.minimum(np.maximum(x, 0.0), len(self.left) - 1).astype(np.int64)


def upper_bound(c: Candidates, reached: float, iterations: int | None = None) -> float:
    """Bound the value of every plan from above.

    :param reached: value of a plan that is known; the steps are measured by it
    """
    return market(c, reached, iterations).bound


def market(c: Candidates, reached: float, iterations: int | None = None) -> Market:
    """Find prices at which the blocks that pay are worth as little as possible together.

    :param iterations: fewer are enough for many blocks, if left out
    """
    if not len(c.value):
        nothing = np.zeros((0, 1))
        none = np.zeros(0)
        return Market(max(0.0, reached), 0.0, _CELL_S, np.zeros(1), nothing, none, nothing, none, none.astype(np.int64))
    prices = _Prices(c)
    # A night that is full has about one price: of those that are the same everywhere the best is a good begin.
    density = float((c.value / c.duration_s).max()) * _CELL_S
    free = np.zeros(len(c.quota_s))
    flat = [np.append(np.full(prices.cells, density * k / _FLAT), free) for k in range(_FLAT + 1)]
    level = min(flat, key=lambda p: prices.bound(p)[0])
    steps = int(np.clip(_STEPS // len(c.value), 100, 250)) if iterations is None else iterations
    bound, price = prices.lowered(level, reached, steps)
    return prices.market(price, max(bound, reached))


def guide(c: Candidates, reached: float, begin: Market, between_s: float) -> Market:
    """Find the prices of a night as it will be: better for building plans, but no bound.

    :param begin: prices to begin with
    :param between_s: a typical transition, counted with each block
    """
    if not len(c.value):
        return begin
    prices = _Prices(c, between_s)
    time = np.resize(np.append(begin.time, np.zeros(prices.cells)), prices.cells)
    bound, price = prices.lowered(np.append(time, begin.excess * QUOTA_S), reached, _GUIDE)
    return prices.market(price, bound)


class _Prices:
    """The relaxed problem under a price for each cell of time, and for each quota."""

    def __init__(self, c: Candidates, between_s: float = 0.0) -> None:
        self._c, self.clique = c, cliques(c)
        # Each block holds the telescope at least until the nearest other one can begin.
        nearest, _ = nearest_s(c.transition_s)
        held = c.duration_s + np.maximum(np.where(np.isfinite(nearest), nearest, 0.0), between_s)
        self._begin = float(c.first[np.isfinite(c.first)].min())
        end = float((c.last.max(axis=1) + held).max())
        self.cells = max(1, int(np.ceil((end - self._begin) / _CELL_S)))
        edges: Floats = self._begin + np.arange(self.cells + 1, dtype=np.float64) * _CELL_S
        starts = [_breakpoints(c, k, float(held[k]), edges) for k in range(len(c.value))]
        count = np.array([len(s) for s in starts])
        self._offset = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
        flat = np.concatenate(starts)
        self._from = (flat - self._begin) / _CELL_S
        self._to = (flat + np.repeat(held, count) - self._begin) / _CELL_S
        self._group = np.repeat(np.arange(len(starts)), count)
        self._ones: Floats = np.ones(self.cells, dtype=np.float64)
        # A hair above the larger neighbour, so that no start between two breakpoints is worth more.
        self._value = c.value_at(self._group, flat) * (1.0 if c.quality is None else 1 + _BENT)

    def bound(self, price: Floats) -> tuple[float, Floats]:
        """Give the bound at a price (value per cell, then per second of each quota), and its slope there."""
        c, time, excess = self._c, price[: self.cells], price[self.cells :] / QUOTA_S
        profit_at = self._profits(time, excess)
        profit = np.maximum.reduceat(profit_at, self._offset)
        taken = self._taken(profit)
        bound = float(time.sum() + excess @ c.quota_s + profit[taken].sum())
        at_best = np.flatnonzero(profit_at >= profit[self._group] - 1e-9)
        _, first = np.unique(self._group[at_best], return_index=True)
        chosen = at_best[first][taken]
        # Each cell offers itself once; what it is asked for more than that is too much at this price.
        asked = _behind(self._from[chosen], self.cells) - _behind(self._to[chosen], self.cells)
        if not len(excess):
            return bound, self._ones - asked
        use = np.bincount(c.quota_of[taken] + 1, c.duration_s[taken], minlength=len(excess) + 1)[1:]
        return bound, np.concatenate([self._ones - asked, (c.quota_s - use) / QUOTA_S])

    def _taken(self, profit: Floats) -> Ints:
        """Give the blocks that pay, of those that exclude each other only the best."""
        order = np.lexsort((-profit, self.clique))
        numbers = self.clique[order]
        best = order[np.concatenate([[True], numbers[1:] != numbers[:-1]])]
        return np.sort(best[profit[best] > 0]).astype(np.int64)

    def lowered(self, price: Floats, reached: float, iterations: int) -> tuple[float, Floats]:
        """Lower the bound from a price on; give the best one found, and its price."""
        best, best_price = np.inf, price
        step, waited = 1.0, 0
        for _ in range(iterations):
            bound, slope = self.bound(price)
            waited = 0 if bound < best * (1 - 1e-4) else waited + 1
            if bound < best:
                best, best_price = bound, price
            if waited > _PATIENCE:
                step, waited = step / 2, 0
            norm = float(slope @ slope)
            if norm == 0 or best <= reached * (1 + 1e-9) or step < 1e-3:
                break
            price = np.maximum(price - slope * (step * (bound - reached) / norm), 0.0)
        return best, best_price

    def market(self, price: Floats, bound: float) -> Market:
        """Say what everything costs and gains at a price."""
        time, excess = price[: self.cells], price[self.cells :] / QUOTA_S
        left = np.concatenate([np.cumsum(time[::-1])[::-1], [0.0]])
        profit, cell = self._profits(time, excess), self._from.astype(np.int64)
        gain, start = (np.full((len(self._c.value), self.cells + 1), fill) for fill in (0.0, -np.inf))
        rising = np.argsort(profit, kind="stable")
        rising = rising[profit[rising] > 0]
        gain[self._group[rising], cell[rising]] = profit[rising]
        start[self._group[rising], cell[rising]] = self._begin + _CELL_S * self._from[rising]
        for k in range(self.cells - 1, -1, -1):
            later = gain[:, k + 1] > gain[:, k]
            gain[later, k], start[later, k] = gain[later, k + 1], start[later, k + 1]
        most = np.maximum.reduceat(profit, self._offset)
        return Market(bound, self._begin, _CELL_S, left, gain, excess, start, most, self.clique)

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
