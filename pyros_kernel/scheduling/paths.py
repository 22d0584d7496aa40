"""The most that a path through the night can bring if a block may come again, after some other one.

Such a path keeps every transition between what it does one after the other, in time: this is the relaxation of
"each at most once" (q-paths: Christofides, Mingozzi and Toth 1981, Networks 11, 145).  Starts are told to a few
seconds, and what each block brings to a whole number of small units, always on the side of more value: no plan can
bring more.  Whole numbers of 32 bits are compared twice as fast as floats of 64, and add up exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats

_BENT = 2e-5  # by so much a value between two ends of a cell may exceed the larger of theirs, as a share
_NEVER = 1 << 40
_MOST, _NOWHERE = 1 << 29, -(1 << 30)  # units of a path at most, and of none: their sums stay within 32 bits
_SMALL, _TINY = 1e-9, 1e-100  # no finer than this share of the largest worth, or this: what is left is rounding
_STEP_S, _COMPARED_S = 6e-5, 1e-10  # what a step takes, and each comparison of two paths in it, as measured

Units = NDArray[np.int32]


class Paths:
    """Finds the best path of a night, again and again for other prices.

    Cell ``k`` means that the start is ``k`` cells after the begin at the latest.  The best paths that end with a
    block are kept by its start, so that those of all blocks are known up to the same cell; as the next one begins
    at least the shortest duration later, as many cells are found at once.

    :param rows: of the candidates that may be visited
    :param cell_s: starts are rounded to it
    """

    def __init__(self, c: Candidates, rows: Ints, cell_s: float) -> None:
        self._c, self._rows, self._cell_s = c, rows, cell_s
        self._n = len(rows)
        self._begin = float(c.first[np.isfinite(c.first)].min())
        way = c.transition_s[rows[:, None], rows]
        self._on = np.floor((c.duration_s[rows, None] + way) / cell_s + 1e-9).astype(np.int64)
        self._chunk = max(1, int(self._on.min()))
        cells = int(np.ceil((float(c.last.max()) - self._begin) / cell_s)) + 1
        self._cells = -(-cells // self._chunk) * self._chunk
        self._pad = int(self._on.max()) + 1 + self._chunk
        self._base = (np.arange(self._n) * (self._pad + self._cells) + self._pad)[:, None] - self._on
        self._soonest = self._base.max(axis=1)
        self._open, self._worth = self._starts()
        self._first = np.where(self._open.any(axis=1), self._open.argmax(axis=1), _NEVER)
        self._last = np.where(self._open.any(axis=1), self._cells - 1 - self._open[:, ::-1].argmax(axis=1), -1)

    @property
    def steps(self) -> int:
        """How many steps one path takes, each about the work of a product of N by N."""
        return self._cells // self._chunk

    @property
    def effort_s(self) -> float:
        """About how many CPU seconds one path takes on a machine like those it was measured on."""
        return _STEP_S * self.steps + _COMPARED_S * self._n * self._n * self._cells

    def best(self, price: Floats, halt: Callable[[], bool] = lambda: False) -> tuple[float, Ints] | None:
        """Find the most that a path brings when each block costs its price, and the path: candidates, in order.

        :param price: shape (rows,)
        :param halt: asked again and again whether to give up: then None is given
        """
        gain = self._worth - (price if self._worth.ndim == 1 else price[:, None])
        most = float(gain.max())
        if most <= 0:
            return 0.0, self._rows[:0]
        unit = max(most * (self.steps + 1), _SMALL * float(self._worth.max()), _TINY) / _MOST
        brings = np.ceil(np.maximum(gain / unit, -_MOST)).astype(np.int32)
        table = self._table(brings[:, None] if brings.ndim == 1 else brings, halt)
        if table is None:
            return None
        brought = int(table[:, -1].max())
        return (brought * unit, self._rows[self._traced(table, brings)]) if brought > 0 else (0.0, self._rows[:0])

    def _table(self, brings: Units, halt: Callable[[], bool]) -> Units | None:
        """Give the most that a path brings which ends with each block, by its start; shape (rows, pad + cells)."""
        n, pad, chunk = self._n, self._pad, self._chunk
        table = np.full((n, pad + self._cells), _NOWHERE, dtype=np.int32)
        flat = table.ravel()
        ahead = sliding_window_view(flat, chunk)
        arrival = np.zeros(n, dtype=np.int32)  # the best to come to each block with, so far
        for k in range(0, self._cells, chunk):
            if halt():
                return None
            now = slice(pad + k, pad + k + chunk)
            table[:, now] = table[:, pad + k - 1, None]
            to = np.flatnonzero((self._first < k + chunk) & (self._last >= k))
            if not len(to):
                continue
            low = arrival[to]
            # Who was worth less than what everyone is reached with already can't help.
            of = np.flatnonzero(flat[self._soonest + (k + chunk - 1)] > low.min())
            if len(of):
                base = np.where(of[:, None] == to, 0, self._base[of[:, None], to] + k)
                best = np.maximum(ahead[base].max(axis=0), low[:, None])
                arrival[to] = best[:, -1]
            else:
                best = np.repeat(low[:, None], chunk, axis=1)
            best += brings[to] if brings.shape[1] == 1 else brings[to, k : k + chunk]
            best[~self._open[to, k : k + chunk]] = _NOWHERE
            best[:, 0] = np.maximum(best[:, 0], table[to, pad + k - 1])
            table[to, now] = np.maximum.accumulate(best, axis=1)
        return table

    def _traced(self, table: Units, brings: Units) -> Ints:
        """Give the path of the most that was found, as places in the rows."""
        flat = table.ravel()
        block, cell = int(table[:, -1].argmax()), self._cells - 1
        order: list[int] = []
        while True:
            row = table[block, self._pad : self._pad + cell + 1]
            cell = int(np.searchsorted(row, row[-1]))
            order.append(block)
            if row[-1] == (brings[block] if brings.ndim == 1 else brings[block, cell]):
                return np.array(order[::-1], dtype=np.int64)
            before = flat[self._base[:, block] + cell]
            before[block] = _NOWHERE
            come_from = int(before.argmax())
            cell -= int(self._on[come_from, block])
            block = come_from

    def _starts(self) -> tuple[NDArray[np.bool_], Floats]:
        """Give in which cells each block may start, and what it is worth there at most."""
        c = self._c
        start_in = np.zeros((self._n, self._cells), dtype=bool)
        for block, row in enumerate(self._rows.tolist()):
            for a, b in c.spans[row]:
                first, last = (int(np.ceil((t - self._begin) / self._cell_s - 1e-9)) for t in (a, b))
                start_in[block, max(first, 0) : last + 1] = True
        if c.quality is None:
            return start_in, c.value[self._rows]
        edges: Floats = self._begin + self._cell_s * np.arange(-1, self._cells, dtype=np.float64)
        every = np.repeat(self._rows, len(edges))
        value = c.value_at(every, np.tile(edges, self._n)).reshape(self._n, -1)
        return start_in, np.maximum(value[:, 1:], value[:, :-1]) * (1 + _BENT)
