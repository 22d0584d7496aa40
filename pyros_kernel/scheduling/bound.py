"""How much value no plan can exceed: every second of the night gets a price, and blocks that pay it are counted.

Lagrangian relaxation of "one thing at a time" (the bound of the time-indexed linear programme), by subgradient
steps (Polyak 1969; Fisher 1981, Management Science 27, 1); of blocks that exclude each other one is counted.
Quotas have prices too, at first; then each holds whole blocks
(:mod:`pyros_kernel.scheduling.knapsacks`), which is more expensive to count, and a tighter bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.prices import CELL_S, QUOTA_S, Prices

_PATIENCE = 12
_FLAT = 20
_STEPS = 40_000  # times blocks
_GUIDE = 60  # steps
_WHOLE_STEP, _WHOLE_KEPT = 0.5, 0.7  # where quotas hold whole blocks the slope jumps: keep a part of the one before


@dataclass(frozen=True, slots=True)
class Market:
    """What time costs when the night is short, and what each block would gain at that price.

    :param bound: the value that no plan can exceed
    :param begin_unix_s: begin of the first cell; each is ``cell_s`` long
    :param left: value of all time from the begin of each cell on, shape (cells + 1,)
    :param gain: best profit of each block if it starts in a cell or later, shape (N, cells + 1)
    :param excess: price of each quota, per second
    :param best_start: the start at which each block gains that, shape (N, cells + 1); -inf if it gains nothing
    :param profit: best profit of each block before its quota is paid, shape (N,), negative if it brings less than it
        costs
    :param held: the value that no plan can exceed which holds a block, shape (N,)
    :param clique: see :func:`pyros_kernel.scheduling.conflicts.cliques`
    """

    bound: float
    begin_unix_s: float
    cell_s: float
    left: Floats
    gain: Floats
    excess: Floats
    best_start: Floats
    profit: Floats
    held: Floats
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
        return Market(
            max(0.0, reached), 0.0, CELL_S, np.zeros(1), nothing, none, nothing, none, none, none.astype(np.int64)
        )
    prices = Prices(c)
    # A night that is full has about one price: of those that are the same everywhere the best is a good begin.
    density = float((c.value / c.duration_s).max()) * CELL_S
    free = np.zeros(len(c.quota_s))
    flat = [np.append(np.full(prices.cells, density * k / _FLAT), free) for k in range(_FLAT + 1)]
    level = min(flat, key=lambda p: prices.bound(p)[0])
    steps = int(np.clip(_STEPS // len(c.value), 100, 250)) if iterations is None else iterations
    bound, price = _lowered(prices.bound, level, reached, steps)
    time, excess = price[: prices.cells], price[prices.cells :] / QUOTA_S
    profit = prices.profits(time)
    held = bound + np.minimum(profit - _charge(c, excess), 0.0)
    if len(prices.knapsacks.rows):
        whole, whole_time = _lowered(prices.whole_bound, time, reached, steps, _WHOLE_STEP, _WHOLE_KEPT)
        if whole < bound:
            bound, time, profit = whole, whole_time, prices.profits(whole_time)
            excess = prices.knapsacks.excess(profit)
            held = bound - prices.knapsacks.lost(profit)
            beside = np.setdiff1d(np.arange(len(profit)), prices.knapsacks.rows)
            held[beside] += np.minimum(profit[beside], 0.0)
    return _market(c, prices, np.concatenate([time, excess * QUOTA_S]), max(bound, reached), profit, held)


def guides(c: Candidates, reached: float, begin: Market, between_s: float) -> tuple[Market, Market]:
    """Find the prices of a night as it will be: better for building plans, but no bound.

    :param begin: prices to begin with
    :param between_s: a typical transition, counted with each block
    :return: with quotas priced, and at the same price of time without; the same where no quota is too short
    """
    if not len(c.value):
        return begin, begin
    prices = Prices(c, between_s)
    time = np.resize(np.append(begin.time, np.zeros(prices.cells)), prices.cells)
    free = np.zeros(len(c.quota_s))
    if not len(prices.knapsacks.rows):
        bound, price = _lowered(prices.bound, np.append(time, free), reached, _GUIDE)
        found = _market(c, prices, price, bound, prices.profits(price[: prices.cells]), begin.held)
        return found, found
    bound, time = _lowered(prices.whole_bound, time, reached, _GUIDE, _WHOLE_STEP, _WHOLE_KEPT)
    profit = prices.profits(time)
    priced, plain = (
        _market(c, prices, np.append(time, excess * QUOTA_S), bound, profit, begin.held)
        for excess in (prices.knapsacks.excess(profit), free)
    )
    return priced, plain


def _lowered(
    bound_at: Callable[[Floats], tuple[float, Floats]],
    price: Floats,
    reached: float,
    iterations: int,
    step: float = 1.0,
    kept: float = 0.0,
) -> tuple[float, Floats]:
    """Lower the bound from a price on; give the best one found, and its price."""
    best, best_price = np.inf, price
    waited, direction = 0, np.zeros(len(price))
    for _ in range(iterations):
        bound, slope = bound_at(price)
        waited = 0 if bound < best * (1 - 1e-4) else waited + 1
        if bound < best:
            best, best_price = bound, price
        if waited > _PATIENCE:
            step, waited = step / 2, 0
        direction = slope + kept * direction
        norm = float(direction @ direction)
        if norm == 0 or best <= reached * (1 + 1e-9) or step < 1e-3:
            break
        price = np.maximum(price - direction * (step * (bound - reached) / norm), 0.0)
    return best, best_price


def _market(c: Candidates, prices: Prices, price: Floats, bound: float, profit: Floats, held: Floats) -> Market:
    """Say what everything costs and gains at a price."""
    time, excess = price[: prices.cells], price[prices.cells :] / QUOTA_S
    left = np.concatenate([np.cumsum(time[::-1])[::-1], [0.0]])
    gain, start = prices.gains(time, excess)
    return Market(bound, prices.begin_unix_s, CELL_S, left, gain, excess, start, profit, held, prices.clique)


def _charge(c: Candidates, excess: Floats) -> Floats:
    """Give what each block pays for its part of a quota."""
    return np.append(excess, 0.0)[c.quota_of] * c.duration_s if len(excess) else np.zeros(len(c.value))
