"""The most that blocks can bring together which keep within their quotas, each quota a knapsack of whole blocks.

Where a quota holds ten long blocks, a price of its seconds would let it hold the half of an eleventh.  Times are
told in whole units, those of blocks rounded down and those of quotas too: no plan can bring more.  By dynamic
programming over the units (Kellerer, Pferschy and Pisinger 2004, Knapsack Problems, chapters 2 and 11: of blocks
that exclude each other one is taken).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats

_UNITS_S = (10.0, 5.0, 2.0)  # the first that all durations are whole numbers of; or a second
_MANY = 20_000  # units; where a quota would have more, they are longer
_HAIR = 1e-6  # of a unit: rounding costs none


@dataclass(frozen=True, slots=True)
class _Knapsack:
    """A quota of so many units.

    :param blocks: that count to it, those that exclude each other side by side; ``begins`` where each set begins
    :param weight: of each of them, in units
    """

    quota: int
    units: int
    blocks: Ints
    weight: Ints
    begins: Ints


class Knapsacks:
    """The quotas that are too short for all the blocks that count to them.

    :param rows: blocks that may be taken
    :param clique: see :func:`pyros_kernel.scheduling.conflicts.cliques`

    ``rows`` are the blocks that count to one of them.
    """

    def __init__(self, c: Candidates, rows: Ints, clique: Ints) -> None:
        self._c = c
        self._knapsacks = [
            _knapsack(c, quota, own[np.argsort(clique[own], kind="stable")], clique)
            for quota in range(len(c.quota_s))
            if c.duration_s[own := rows[c.quota_of[rows] == quota]].sum() > c.quota_s[quota]
        ]
        blocks = [knapsack.blocks for knapsack in self._knapsacks]
        self.rows: Ints = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *blocks]))

    def best(self, worth: Floats) -> tuple[float, Ints]:
        """Find the most that they can hold, and the blocks that bring it.

        :param worth: of each candidate, shape (N,)
        """
        total, taken = 0.0, [np.zeros(0, dtype=np.int64)]
        for knapsack in self._knapsacks:
            worth_there = worth[knapsack.blocks]
            if knapsack.weight[worth_there > 0].sum() <= knapsack.units:
                chosen = _best_of_each(knapsack, worth_there)
            else:
                _, tried = _filled(knapsack, worth_there)
                chosen = _traced(knapsack, tried)
            total += float(worth_there[chosen].sum())
            taken.append(knapsack.blocks[chosen])
        return total, np.concatenate(taken)

    def lost(self, worth: Floats) -> Floats:
        """Give how much less they hold at most if they must hold a block; zero for the blocks of no knapsack."""
        lost = np.zeros(len(worth))
        for knapsack in self._knapsacks:
            own, weight = knapsack.blocks, knapsack.weight
            most, _ = _filled(knapsack, worth[own])
            beside = np.where(weight <= knapsack.units, most[np.maximum(knapsack.units - weight, 0)], -np.inf)
            lost[own] = np.maximum(most[-1] - beside - worth[own], 0.0)
        return lost

    def excess(self, worth: Floats) -> Floats:
        """Give a price for the seconds of each quota, at which about as many are wanted as there are."""
        price = np.zeros(len(self._c.quota_s))
        for knapsack in self._knapsacks:
            own = knapsack.blocks[worth[knapsack.blocks] > 0]
            density = worth[own] / self._c.duration_s[own]
            falling = np.argsort(-density, kind="stable")
            over = np.cumsum(self._c.duration_s[own][falling]) > self._c.quota_s[knapsack.quota]
            if over.any():
                price[knapsack.quota] = density[falling][over.argmax()]
        return price


def _knapsack(c: Candidates, quota: int, own: Ints, clique: Ints) -> _Knapsack:
    duration, limit_s = c.duration_s[own], float(c.quota_s[quota])
    whole = (unit for unit in _UNITS_S if (np.abs(duration / unit - np.round(duration / unit)) < _HAIR).all())
    unit_s = max(next(whole, 1.0), limit_s / _MANY)
    weight, units = (np.floor(t / unit_s + _HAIR).astype(np.int64) for t in (duration, np.array(limit_s)))
    changes = np.flatnonzero(clique[own][1:] != clique[own][:-1]) + 1
    return _Knapsack(quota, int(units), own, weight, np.concatenate([[0], changes]).astype(np.int64))


def _best_of_each(knapsack: _Knapsack, worth: Floats) -> Ints:
    """Give the best block of each set, if it is worth anything, as places in the knapsack."""
    ends = np.append(knapsack.begins[1:], len(worth))
    best = np.array([a + int(worth[a:b].argmax()) for a, b in zip(knapsack.begins, ends, strict=True)], dtype=np.int64)
    return best[worth[best] > 0]


_Tried = list[tuple[int, bool, NDArray[np.bool_]]]


def _filled(knapsack: _Knapsack, worth: Floats) -> tuple[Floats, _Tried]:
    """Give what any number of units can hold, and where each block was better than those before it.

    Of each block its place, whether it is the first tried of its set, and at which units from its own on.
    """
    most = np.zeros(knapsack.units + 1)
    able = np.flatnonzero((worth > 0) & (knapsack.weight <= knapsack.units))
    name = np.searchsorted(knapsack.begins, able, side="right")
    first = np.diff(name, prepend=-1) != 0
    tried: _Tried = []
    before = most
    for k, weight, brings, new in zip(
        able.tolist(), knapsack.weight[able].tolist(), worth[able].tolist(), first.tolist(), strict=True
    ):
        before = most if new else before
        other = before[: len(before) - weight] + brings
        better = other > most[weight:]
        most = most.copy()
        np.copyto(most[weight:], other, where=better)
        tried.append((k, new, better))
    return most, tried


def _traced(knapsack: _Knapsack, tried: _Tried) -> Ints:
    """Give the blocks of the most that all units can hold, as places in the knapsack."""
    taken: list[int] = []
    left, open_set = knapsack.units, True
    for k, new, better in reversed(tried):
        # The last of a set that was better than those before it is the one that was taken.
        weight = int(knapsack.weight[k])
        if open_set and left >= weight and better[left - weight]:
            taken.append(k)
            left -= weight
            open_set = False
        open_set |= new
    return np.array(taken[::-1], dtype=np.int64)
