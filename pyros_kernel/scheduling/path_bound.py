"""Lower the bound further than prices of time can: what each block pays for being visited once, transitions kept.

The prices of visits begin where :mod:`pyros_kernel.scheduling.bound` leaves them, and go on by the same kind of
steps (Polyak 1969); the sum of the prices and the best path at them is a bound (Fisher 1981, Management Science 27, 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyros_kernel.scheduling.bound import QUOTA_S, Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.paths import Paths

_CELL_S, _FINE_S = 5.0, 2.0  # for most steps, and for one in ten
_FINE_EACH, _MANY = 10, 250  # the first is a fine one, but for many blocks the second
_STEP, _SHORTER, _LEAST, _PATIENCE = 0.4, 0.6, 2e-3, 6
_TOO_MANY = 3000  # steps of a path: blocks of a few seconds make it too slow to be worth its time


class PathBound:
    """A bound that is lowered a little by each :meth:`step`.

    :param market: what to begin with
    :param reached: value of a plan that is known; blocks that no better plan can hold are set aside
    :param halt: asked again and again whether to give up

    ``work`` is how much was done, in comparisons of two paths.
    """

    def __init__(self, c: Candidates, market: Market, reached: float, halt: Callable[[], bool] = lambda: False) -> None:
        self.bound, self.work = market.bound, 0.0
        self._c, self._halt = c, halt
        self._rows: Ints = np.flatnonzero(market.bound + market.most > reached).astype(np.int64)
        # Of blocks that exclude each other one is visited at most: they have one price.
        self._clique, self._sets = market.clique, int(market.clique.max(initial=-1)) + 1
        price = np.zeros(self._sets)
        np.maximum.at(price, self._clique, market.gain.max(axis=1, initial=0.0))
        self._price = np.concatenate([price, market.excess])
        self._best, self._best_price = np.inf, self._price
        self._paths: dict[float, Paths] = {}
        self._length, self._waited, self._count = _STEP, 0, 0
        self.done = not len(self._rows) or not np.isfinite(c.first).any()

    @property
    def next_work(self) -> float:
        """How much the next step will do."""
        return self._paths_of(self._next_cell_s).work

    @property
    def _next_cell_s(self) -> float:
        return _FINE_S if self._count % _FINE_EACH == (len(self._rows) > _MANY) else _CELL_S

    def _paths_of(self, cell_s: float) -> Paths:
        if cell_s not in self._paths:
            self._paths[cell_s] = Paths(self._c, self._rows, cell_s)
        return self._paths[cell_s]

    def step(self, reached: float) -> None:
        """Try to lower the bound.

        :param reached: value of a plan that is known: the bound can't fall below it
        """
        if self.done:
            return
        n, cell_s = self._sets, self._next_cell_s
        fine = cell_s != _CELL_S
        bound, slope = self._at(self._best_price if fine else self._price, cell_s)
        self._count += 1
        self.bound = max(min(self.bound, bound), reached)
        if fine and self._count > 1:
            return
        if not fine:
            self._waited = 0 if bound < self._best * (1 - 2e-5) else self._waited + 1
            if bound < self._best:
                self._best, self._best_price = bound, self._price
        if self._waited > _PATIENCE:
            self._length, self._waited, self._price = self._length * _SHORTER, 0, self._best_price
        norm = float(slope @ slope)
        if self.done:
            return
        self.done |= norm == 0 or self._length < _LEAST or self.bound <= reached
        if norm > 0:
            length = self._length * max(bound - reached, 0.0) / norm
            scale = np.concatenate([np.ones(n), np.full(len(self._price) - n, 1 / QUOTA_S)])
            self._price = np.maximum(self._price - length * scale * slope, 0.0)

    def _at(self, price: Floats, cell_s: float) -> tuple[float, Floats]:
        """Give the bound at a price, and its slope there."""
        c, n = self._c, self._sets
        paths = self._paths_of(cell_s)
        if paths.steps > _TOO_MANY:
            self.done = True
            return np.inf, np.zeros(len(price))
        excess = price[n:]
        full = price[:n][self._clique] + (np.append(excess, 0.0)[c.quota_of] * c.duration_s if len(excess) else 0.0)
        found = paths.best(full[self._rows], self._halt)
        if found is None:
            self.done = True
            return np.inf, np.zeros(len(price))
        self.work += paths.work
        brought, on_path = found
        bound = float(price[:n].sum() + excess @ c.quota_s + brought)
        visits: Floats = np.zeros(len(c.value), dtype=np.float64)
        visits[self._rows] = on_path
        offered: Floats = 1.0 - np.bincount(self._clique, visits, minlength=n).astype(np.float64)
        if not len(excess):
            return bound, offered
        use = np.bincount(c.quota_of + 1, c.duration_s * visits, minlength=len(excess) + 1)[1:]
        slope: Floats = np.concatenate([offered, (c.quota_s - use) / QUOTA_S])
        return bound, slope
