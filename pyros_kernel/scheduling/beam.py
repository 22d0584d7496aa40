"""Build plans forward in time, many at once, and keep those that promise most.

A partial plan promises its value, and what the market (:mod:`pyros_kernel.scheduling.bound`) says that the time
after it and the blocks outside it are worth: an upper bound on every way to go on.  Partial plans that end about
the same time compete; of those with the same blocks and the same last one the earliest stays (beam search on the
travelling telescope, an orienteering problem with time windows).  Several legs are built in one pass, because
numpy asks nearly the same time for one as for ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pyros_kernel.scheduling.bound import Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.legs import Leg, Nodes, Tables

_PRIME = 1_000_003

_END, _START, _VALUE, _LIKED, _PROMISE = range(5)  # columns of the numbers of a partial plan
_LAST, _MARK, _PARENT, _MET, _LEG, _COLUMN = range(6)

_Part = tuple[Floats, Ints]


@dataclass(frozen=True, slots=True)
class Built:
    """What was found for a leg: its blocks in order, the pins among them, and when the last one ends."""

    order: tuple[int, ...]
    end_unix_s: float


class Beam:
    """Builds legs of one night.

    :param halt: asked again and again whether to give up what is being built
    """

    def __init__(self, c: Candidates, market: Market, halt: Callable[[], bool] = lambda: False) -> None:
        self._c, self._market, self._halt = c, market, halt
        n = len(c.value)
        self._steps = np.zeros((n + 1, n + 1))
        self._steps[:n, :n] = c.transition_s
        # Marks make a set of blocks a number: equal sets have equal marks (Zobrist 1970).
        self._marks: Ints = np.random.default_rng(1).integers(1, 2**62, n, dtype=np.int64)
        self._charge = np.append(market.excess, 0.0)[c.quota_of] * c.duration_s if len(c.quota_s) else np.zeros(n)

    def spared(self, before_unix_s: float, after_unix_s: float) -> float:
        """Give what the time between two moments is worth."""
        left = self._market.left_at(np.array([before_unix_s, after_unix_s]))
        return float(left[0] - left[1])

    def charged(self, blocks: Sequence[int]) -> float:
        """Give what blocks use of quotas is worth."""
        return float(self._charge[list(blocks)].sum())

    @property
    def profit(self) -> Floats:
        """What each block would gain at the market's price of time."""
        return self._market.profit

    def whole(self, without: Ints | None = None) -> Leg:
        """Give the leg that is the whole plan.

        :param without: blocks that are not thought of
        """
        c = self._c
        pins = tuple((k, float(c.last[k, 0])) for k in c.fixed)
        excluded = np.zeros(len(c.value), dtype=bool)
        if without is not None:
            excluded[without] = True
        return Leg(None, -np.inf, pins, excluded, np.zeros(len(c.quota_s)))

    def build(
        self,
        legs: Sequence[Leg],
        width: int,
        spread: int,
        noise: Floats | None = None,
        bucket_s: float = 150.0,
        most: int | None = None,
    ) -> list[Built | None]:
        """Build legs, each as if it were alone.

        :param width: partial plans of a leg that are kept of those that end about the same time
        :param spread: ways to go on that are kept for each, on average
        :param noise: added to the value that each block promises in each leg, shape (legs, N): another one finds
            another plan
        :param bucket_s: ends within so much are about the same time
        :param most: blocks that are thought of in each leg, those of most promise; None for all
        :return: what was found for each, or None if the pins can't be met or it was given up
        """
        c, n, many = self._c, len(self._c.value), len(legs)
        t = Tables(c, self._market, legs, np.zeros((many, n)) if noise is None else noise, most)
        nodes = Nodes(legs, t.columns.shape[1], c)
        numbers = np.zeros((many, 5))
        numbers[:, _END] = [leg.leaves_unix_s for leg in legs]
        origins = np.array([n if leg.origin is None else leg.origin for leg in legs])
        marks = np.random.default_rng(2).integers(1, 2**62, many, dtype=np.int64)
        zero = np.zeros(many, dtype=np.int64)
        names = np.stack([origins, marks, zero - 1, zero, np.arange(many), zero], axis=1)
        pending: dict[int, list[_Part]] = {0: [(numbers, names)]}
        best, best_node, best_end = np.full(many, -np.inf), np.full(many, -1), np.zeros(many)
        while pending:
            if self._halt():
                return [None] * many
            at = min(pending)
            numbers, names = _together(pending.pop(at), width)
            node = nodes.add(names[:, _PARENT], names[:, _LAST], names[:, _COLUMN], numbers[:, _START])
            leg = names[:, _LEG]
            done = names[:, _MET] == t.pins[leg]
            if done.any():
                # Of a leg in the middle of a night, time that it leaves for what follows counts.
                spare = np.where(t.open_end[leg], 0.0, self._market.left_at(numbers[:, _END]))
                if len(c.quota_s):
                    # What it leaves of a quota, too, where there are other parts.
                    spare -= t.part[leg] * (nodes.used[node] @ self._market.excess)
                worth = numbers[:, _VALUE] + spare
                for row in np.flatnonzero(done & (worth > best[leg] + 1e-9)).tolist():
                    k = int(leg[row])
                    if worth[row] > best[k] + 1e-9:
                        best[k], best_node[k], best_end[k] = worth[row], node[row], numbers[row, _END]
                on = ~done | t.open_end[leg]
                numbers, names, node = numbers[on], names[on], node[on]
            found = self._children(t, numbers, names, node, nodes, width * spread) if len(node) else None
            if found is None:
                continue
            children, called = found
            bucket = ((children[:, _END] - t.since_unix_s[called[:, _LEG]]) / bucket_s).astype(np.int64)
            order = bucket.argsort(kind="stable")
            bucket, children, called = bucket[order], children[order], called[order]
            for a, b in _runs(bucket):
                pending.setdefault(max(int(bucket[a]), at + 1), []).append((children[a:b], called[a:b]))
        return [
            None if k < 0 else Built(nodes.order(k), end)
            for k, end in zip(best_node.tolist(), best_end.tolist(), strict=True)
        ]

    def _children(self, t: Tables, numbers: Floats, names: Ints, node: Ints, nodes: Nodes, keep: int) -> _Part | None:
        """Give the ways to go on that promise most, as many of each leg as are kept."""
        c, held = self._c, nodes.held[node]
        start = self._starts(t, numbers, names, node, nodes)
        start[held] = np.inf
        found = np.nonzero(start < np.inf)
        w, m = found[0].astype(np.int64), found[1].astype(np.int64)
        begin, leg = start[w, m], names[w, _LEG]
        if c.quality is not None:
            w, m, begin, leg = self._later_too(t, w, m, begin, leg)
        j = t.columns[leg, m]
        end = begin + c.duration_s[j]
        met = names[w, _MET]
        if t.pin.shape[1] > 1:
            pin, limit = t.pin[leg, met], t.limit[leg, met]
            is_pin = (j == pin) & (met < t.pins[leg])
            good = np.flatnonzero(np.where(is_pin, begin <= limit, end + self._steps[j, pin] <= limit))
            w, m, begin, leg, met = w[good], m[good], begin[good], leg[good], (met + is_pin)[good]
            j, end = j[good], end[good]
        if not len(w):
            return None
        value, liked = numbers[w, _VALUE] + c.value_at(j, begin), numbers[w, _LIKED] + t.liked[leg, m]
        cell = t.cell(end, leg)
        promise = value + liked + self._market.left_at(end) + t.rest[leg, cell] - t.gain[leg, m, cell]
        runs = _runs(leg)
        for a, b in runs:
            first = int(w[a])
            # What the blocks that it holds would gain, they gain no more.
            lost = held[first : int(w[b - 1]) + 1].astype(np.float64) @ t.gain[leg[a]]
            promise[a:b] -= lost[w[a:b] - first, cell[a:b]]
        if len(c.quota_s):
            # What is left of a quota is worth its price, as time is.
            promise -= (nodes.used[node] @ self._market.excess)[w] + self._charge[j]
        if any(b - a > keep for a, b in runs):
            top = np.concatenate([a + _highest(promise[a:b], keep) for a, b in runs])
            w, m, j, begin, end = w[top], m[top], j[top], begin[top], end[top]
            met, leg, value, liked, promise = met[top], leg[top], value[top], liked[top], promise[top]
        children: Floats = np.stack([end, begin, value, liked, promise], axis=1)
        called: Ints = np.stack([j, names[w, _MARK] ^ self._marks[j], node[w], met, leg, m], axis=1)
        return children, called

    def _starts(self, t: Tables, numbers: Floats, names: Ints, node: Ints, nodes: Nodes) -> Floats:
        """Give the earliest start of each block after each partial plan, shape (W, M); infinity where there is none."""
        c, leg = self._c, names[:, _LEG]
        j = t.columns[leg]
        arrival = numbers[:, _END, None] + self._steps[names[:, _LAST, None], j]
        linked = c.after[j] >= 0 if c.linked else np.zeros(0, dtype=bool)
        before = nodes.began[node[:, None], c.after[j]] if c.linked else arrival
        if c.linked:
            arrival = np.maximum(arrival, np.where(linked, before + c.gap_s[j, 0], -np.inf))
        start = np.full(arrival.shape, np.inf)
        for first, last in zip(t.first, t.last, strict=True):
            start = np.minimum(start, np.where(arrival <= last[leg], np.maximum(arrival, first[leg]), np.inf))
        for k in range(t.pin.shape[1] - 1):
            # A pin comes in its turn only.
            early = (names[:, _MET] != k) & (k < t.pins[leg])
            start[early[:, None] & (j == t.pin[leg, k, None])] = np.inf
        if c.linked:
            start[linked & ((start > before + c.gap_s[j, 1]) | np.isnan(before))] = np.inf
        if len(c.quota_s):
            room = np.hstack([c.quota_s - nodes.used[node], np.full((len(node), 1), np.inf)])
            start[t.duration_s[leg] > np.take_along_axis(room, t.quota_of[leg], axis=1) + 1e-6] = np.inf
        return start

    def _later_too(self, t: Tables, w: Ints, m: Ints, begin: Floats, leg: Ints) -> tuple[Ints, Ints, Floats, Ints]:
        """Add the start at which each would gain most, where that is later than its earliest."""
        best = self._market.best_start[t.columns[leg, m], self._market.cell(begin)]
        later = np.flatnonzero(best > begin + 1.0)
        w, m, begin = np.append(w, w[later]), np.append(m, m[later]), np.append(begin, best[later])
        order = w.argsort(kind="stable")
        return w[order], m[order], begin[order], np.append(leg, leg[later])[order]


def _runs(sorted_names: Ints) -> list[tuple[int, int]]:
    """Give where each run of equal names begins and ends."""
    return list(pairwise([0, *(np.flatnonzero(sorted_names[1:] != sorted_names[:-1]) + 1).tolist(), len(sorted_names)]))


def _highest(promise: Floats, keep: int) -> Ints:
    if len(promise) <= keep:
        return np.arange(len(promise), dtype=np.int64)
    return np.argpartition(-promise, keep)[:keep].astype(np.int64)


def _together(parts: list[_Part], width: int) -> _Part:
    """Join partial plans; of equal ones keep the earliest (or most promising), of each leg the most promising."""
    numbers, names = parts[0]
    if len(parts) > 1:
        numbers, names = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
    if len(names) > 1:
        key = names[:, _MARK] * _PRIME + names[:, _LAST]
        order = np.lexsort((numbers[:, _END], -numbers[:, _PROMISE]))
        order = order[np.sort(np.unique(key[order], return_index=True)[1])]
        order = order[names[order, _LEG].astype(np.int16).argsort(kind="stable")]
        runs = _runs(names[order, _LEG])
        if any(b - a > width for a, b in runs):
            order = np.concatenate([order[a : min(b, a + width)] for a, b in runs])
        numbers, names = numbers[order], names[order]
    return numbers, names
