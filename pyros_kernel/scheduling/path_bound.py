"""Lower the bound further than prices of time can: what each block pays for being visited once, transitions kept.

Of the blocks of a quota those are to be visited that a knapsack of its length holds at their prices (Lagrangian
decomposition: Guignard and Kim 1987, Mathematical Programming 39, 215).
The prices of visits begin where :mod:`pyros_kernel.scheduling.bound` leaves them, and go on by the same kind of
steps (Polyak 1969), each with a part of those before it (Camerini, Fratta and Maffioli 1975, Mathematical
Programming Study 3, 26); the sum of the prices and the best path at them is a bound (Fisher 1981, Management
Science 27, 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyros_kernel.scheduling.bound import Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.knapsacks import Knapsacks
from pyros_kernel.scheduling.paths import Paths

_CELL_S = 2.0
_STEP, _SHORTER, _LEAST, _PATIENCE = 0.2, 0.6, 2e-3, 6
_KEPT = 0.7  # of the direction of the step before
_FEWER = 0.9  # of the blocks: from then on it is worth making the paths anew
_OFTEN = 3.0  # a block that a path visits again and again counts as visited so much too often: others matter too
_TOO_MANY = 3000  # steps of a path: blocks of a few seconds make it too slow to be worth its time
_TOO_LARGE = 4e7  # blocks times cells: the memory of a path


class PathBound:
    """A bound that is lowered a little by each :meth:`step`.

    :param market: what to begin with
    :param reached: value of a plan that is known; blocks that no better plan can hold are set aside
    :param halt: asked again and again whether to give up

    ``effort_s`` is about what was spent, as CPU seconds of one machine, the same on any.
    """

    def __init__(self, c: Candidates, market: Market, reached: float, halt: Callable[[], bool] = lambda: False) -> None:
        self.bound, self.effort_s = market.bound, 0.0
        self._c, self._halt = c, halt
        self._held = market.held
        self._rows: Ints = np.flatnonzero(market.held > reached).astype(np.int64)
        self._knapsacks = Knapsacks(c, self._rows, market.clique)
        # Of blocks that exclude each other one is visited at most: they have one price, unless a quota holds them.
        self._name, self._free = _names(market.clique, self._knapsacks.rows)
        price = np.zeros(len(self._free))
        np.maximum.at(price, self._name, market.profit)
        self._price = price
        self._best, self._best_price = np.inf, self._price
        self._direction = np.zeros(len(self._price))
        self._length, self._waited = _STEP, 0
        self._made: Paths | None = None
        able = np.isfinite(c.first)
        span_s = float(c.last.max() - c.first[able].min()) if able.any() else np.inf
        self.done = not len(self._rows) or len(self._rows) * span_s > _TOO_LARGE * _CELL_S

    def reach(self, reached: float) -> None:
        """Set more blocks aside, if a plan is known by now with which many more can be."""
        able = self._held > reached
        if int(able.sum()) >= _FEWER * len(self._rows):
            return
        self._rows, self._made = np.flatnonzero(able).astype(np.int64), None
        self.done |= not len(self._rows)
        # Nobody asks for them any more: no quota needs to hold them, and no visit to be offered.
        asked = np.zeros(len(self._price))
        asked[self._name[self._rows]] = 1.0
        self._price, self._best_price = self._price * asked, self._best_price * asked

    @property
    def next_s(self) -> float:
        """What the next step will take, as :attr:`effort_s`."""
        return self._paths.effort_s

    @property
    def _paths(self) -> Paths:
        if self._made is None:
            self._made = Paths(self._c, self._rows, _CELL_S)
        return self._made

    def step(self, reached: float) -> tuple[int, ...]:
        """Try to lower the bound, and give the path that did: blocks in order, some again and again.

        :param reached: value of a plan that is known: the bound can't fall below it
        """
        found = None if self.done else self._at(self._price)
        if found is None:
            self.done = True
            return ()
        bound, slope, path = found
        self.bound = max(min(self.bound, bound), reached)
        self._waited = 0 if bound < self._best * (1 - 2e-5) else self._waited + 1
        if bound < self._best:
            self._best, self._best_price = bound, self._price
        if self._waited > _PATIENCE:
            self._length, self._waited, self._price = self._length * _SHORTER, 0, self._best_price
            self._direction = np.zeros(len(self._price))
        self.done |= not slope.any() or self._length < _LEAST or self.bound <= reached
        self._direction = slope + _KEPT * self._direction
        norm = float(self._direction @ self._direction)
        if norm > 0:
            length = self._length * max(bound - reached, 0.0) / norm
            self._price = np.maximum(self._price - length * self._direction, 0.0)
        return path

    def _at(self, price: Floats) -> tuple[float, Floats, tuple[int, ...]] | None:
        """Give the bound at a price, a direction in which it rises there, and the path; None if it is given up."""
        n, paths = len(self._free), self._paths
        if paths.steps > _TOO_MANY:
            return None
        found = paths.best(price[self._name][self._rows], self._halt)
        if found is None:
            return None
        self.effort_s += paths.effort_s
        brought, path = found
        held, taken = self._knapsacks.best(price[self._name])
        bound = float(price @ self._free + held + brought)
        offered = self._free + np.bincount(self._name[taken], minlength=n)
        slope: Floats = np.maximum(offered - np.bincount(self._name[path], minlength=n), -_OFTEN)
        return bound, slope, self._within(path, price)

    def _within(self, path: Ints, price: Floats) -> tuple[int, ...]:
        """Leave out of a path what its quotas do not hold: of each what is worth most at a price."""
        own = np.intersect1d(path, self._knapsacks.rows)
        if not len(own):
            return tuple(path.tolist())
        worth = np.zeros(len(self._name))
        worth[own] = price[self._name[own]]
        _, kept = self._knapsacks.best(worth)
        return tuple(path[~np.isin(path, np.setdiff1d(own, kept))].tolist())


def _names(clique: Ints, alone: Ints) -> tuple[Ints, Floats]:
    """Give the number of each block's price, and 1 for each price that one visit is offered at; some have their own."""
    name = clique.copy()
    name[alone] = clique.max(initial=-1) + 1 + np.arange(len(alone))
    numbers, name = np.unique(name, return_inverse=True)
    free = np.ones(len(numbers))
    free[name[alone]] = 0.0
    return name.astype(np.int64), free
