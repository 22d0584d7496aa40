"""How much value no plan can exceed: every second of the night gets a price, and blocks that pay it are counted.

Lagrangian relaxation of "one thing at a time" (the bound of the time-indexed linear programme), by subgradient
steps (Polyak 1969; Fisher 1981, Management Science 27, 1).  The price is constant within cells, so that the
cheapest start of a block lies at a breakpoint, and the bound is exact for continuous starts.
"""

from __future__ import annotations

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.earth import Floats

_CELL_S = 180.0
_PATIENCE = 6


def upper_bound(c: Candidates, reached: float, iterations: int = 150) -> float:
    """Bound the value of every plan from above.

    :param reached: value of a plan that is known; the steps are measured by it
    """
    if not len(c.value):
        return 0.0
    prices = _Prices(c)
    best = float(c.value.sum())
    price: Floats = np.zeros(prices.cells, dtype=np.float64)
    step, waited = 1.0, 0
    for _ in range(iterations):
        bound, slope = prices.bound(price)
        waited = 0 if bound < best * (1 - 1e-4) else waited + 1
        best = min(best, bound)
        if waited > _PATIENCE:
            step, waited = step / 2, 0
        norm = float(slope @ slope)
        if norm == 0 or best <= reached * (1 + 1e-9):
            break
        price = np.maximum(price - slope * (step * (bound - reached) / norm), 0.0)
    return max(best, reached)


class _Prices:
    """The relaxed problem under a price for each cell of time."""

    def __init__(self, c: Candidates) -> None:
        self._value = c.value
        # Each block holds the telescope at least until the nearest other one can begin.
        other = c.transition_s + np.where(np.eye(len(c.value), dtype=bool), np.inf, 0.0)
        nearest = other.min(axis=1)
        held = c.duration_s + np.where(np.isfinite(nearest), nearest, 0.0)
        begin = float(c.first[np.isfinite(c.first)].min())
        end = float((c.last.max(axis=1) + held).max())
        self.cells = max(1, int(np.ceil((end - begin) / _CELL_S)))
        edges: Floats = begin + np.arange(self.cells + 1, dtype=np.float64) * _CELL_S
        starts = [_breakpoints(c, k, float(held[k]), edges) for k in range(len(c.value))]
        self._offset = np.concatenate([[0], np.cumsum([len(s) for s in starts])[:-1]]).astype(np.int64)
        flat = np.concatenate(starts)
        count = [len(s) for s in starts]
        self._from = (flat - begin) / _CELL_S
        self._to = (flat + np.repeat(held, count) - begin) / _CELL_S
        self._group = np.repeat(np.arange(len(starts)), count)
        self._ones: Floats = np.ones(self.cells, dtype=np.float64)

    def bound(self, price: Floats) -> tuple[float, Floats]:
        """Give the bound at a price (value per cell), and its slope there."""
        paid = np.concatenate([[0.0], np.cumsum(price)])
        cost = _between(paid, price, self._to) - _between(paid, price, self._from)
        cheapest = np.minimum.reduceat(cost, self._offset)
        profit = self._value - cheapest
        taken = np.flatnonzero(profit > 0)
        bound = float(price.sum() + profit[taken].sum())
        at_best = np.flatnonzero(cost <= cheapest[self._group] + 1e-9)
        _, first = np.unique(self._group[at_best], return_index=True)
        chosen = at_best[first][taken]
        # Each cell offers itself once; what it is asked for more than that is too much at this price.
        asked = _behind(self._from[chosen], self.cells) - _behind(self._to[chosen], self.cells)
        return bound, self._ones - asked


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
