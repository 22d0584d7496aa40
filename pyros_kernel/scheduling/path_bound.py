"""Lower the bound further than prices of time can: what each block pays for being visited once, transitions kept.

The prices of visits begin where :mod:`pyros_kernel.scheduling.bound` leaves them, and go on by the same kind of
steps (Polyak 1969), each with a part of those before it (Camerini, Fratta and Maffioli 1975, Mathematical
Programming Study 3, 26); the sum of the prices and the best path at them is a bound (Fisher 1981, Management
Science 27, 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyros_kernel.scheduling.bound import QUOTA_S, Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.paths import Paths

_CELL_S = 2.0
_STEP, _SHORTER, _LEAST, _PATIENCE = 0.2, 0.6, 2e-3, 6
_KEPT = 0.7  # of the direction of the step before
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
        self._rows: Ints = np.flatnonzero(market.bound + market.most > reached).astype(np.int64)
        # Of blocks that exclude each other one is visited at most: they have one price.
        self._clique, self._sets = market.clique, int(market.clique.max(initial=-1)) + 1
        price = np.zeros(self._sets)
        np.maximum.at(price, self._clique, market.gain.max(axis=1, initial=0.0))
        self._price = np.concatenate([price, market.excess])
        self._best, self._best_price = np.inf, self._price
        self._direction = np.zeros(len(self._price))
        self._length, self._waited = _STEP, 0
        self._made: Paths | None = None
        able = np.isfinite(c.first)
        span_s = float(c.last.max() - c.first[able].min()) if able.any() else np.inf
        self.done = not len(self._rows) or len(self._rows) * span_s > _TOO_LARGE * _CELL_S

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
            scale = np.concatenate([np.ones(self._sets), np.full(len(self._price) - self._sets, 1 / QUOTA_S)])
            self._price = np.maximum(self._price - length * scale * self._direction, 0.0)
        return path

    def _at(self, price: Floats) -> tuple[float, Floats, tuple[int, ...]] | None:
        """Give the bound at a price, a direction in which it rises there, and the path; None if it is given up."""
        c, n, paths = self._c, self._sets, self._paths
        if paths.steps > _TOO_MANY:
            return None
        excess = price[n:]
        full = price[:n][self._clique] + (np.append(excess, 0.0)[c.quota_of] * c.duration_s if len(excess) else 0.0)
        found = paths.best(full[self._rows], self._halt)
        if found is None:
            return None
        self.effort_s += paths.effort_s
        brought, path = found
        bound = float(price[:n].sum() + excess @ c.quota_s + brought)
        offered = np.maximum(1.0 - np.bincount(self._clique[path], minlength=n), -_OFTEN)
        order = tuple(path.tolist())
        if not len(excess):
            return bound, offered, order
        use = np.bincount(c.quota_of[path] + 1, c.duration_s[path], minlength=len(excess) + 1)[1:]
        slope: Floats = np.concatenate([offered, (c.quota_s - use) / QUOTA_S])
        return bound, slope, order
