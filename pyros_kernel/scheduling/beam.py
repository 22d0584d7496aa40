"""Build plans forward in time, many at once, and keep those that promise most.

A partial plan promises its value, and what the market (:mod:`pyros_kernel.scheduling.bound`) says that the time
after it and the blocks outside it are worth: an upper bound on every way to go on.  Partial plans that end about
the same time compete; of those with the same blocks and the same last one the earliest stays (beam search on the
travelling telescope, an orienteering problem with time windows).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.bound import Market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.legs import Leg, Nodes

_PRIME = 1_000_003

_END, _START, _VALUE, _PROMISE = range(4)  # columns of the numbers of a partial plan
_LAST, _MARK, _PARENT, _MET = range(4)

_Part = tuple[Floats, Ints]


class Beam:
    """Builds legs of one night.

    :param halt: asked again and again whether to give up what is being built
    """

    def __init__(self, c: Candidates, market: Market, halt: Callable[[], bool] = lambda: False) -> None:
        self._c, self._market, self._halt = c, market, halt
        n = len(c.value)
        self._steps = np.vstack([c.transition_s, np.zeros(n)])
        self._rest = market.gain.sum(axis=0)
        # Marks make a set of blocks a number: equal sets have equal marks (Zobrist 1970).
        self._marks: Ints = np.random.default_rng(1).integers(1, 2**62, n, dtype=np.int64)
        self._begin = market.begin_unix_s
        self._charge = np.append(market.excess, 0.0)[c.quota_of] * c.duration_s if len(c.quota_s) else np.zeros(n)

    def whole(self) -> Leg:
        """Give the leg that is the whole plan."""
        c = self._c
        pins = tuple((k, float(c.last[k, 0])) for k in c.fixed)
        return Leg(None, -np.inf, pins, np.zeros(len(c.value), dtype=bool), np.zeros(len(c.quota_s)))

    def build(
        self, leg: Leg, width: int, spread: int, noise: Floats | None = None, bucket_s: float = 150.0
    ) -> tuple[int, ...] | None:
        """Build a leg.

        :param width: partial plans that are kept of those that end about the same time
        :param spread: ways to go on that are kept for each, on average
        :param noise: added to the value that each block promises: another one finds another plan
        :param bucket_s: ends within so much are about the same time
        :return: the blocks in order, the pins among them, or None if the pins can't be met or it was given up
        """
        c = self._c
        rest_gain = self._market.gain if noise is None else self._market.gain - noise[:, None]
        extra: Floats = np.zeros(len(c.value)) if noise is None else noise
        n = len(c.value)
        nodes = Nodes(
            np.repeat(leg.excluded[None, :], 64, axis=0),
            np.repeat(leg.used_s[None, :], 64, axis=0),
            np.full((64, n if c.linked else 0), np.nan) if leg.began is None else np.repeat(leg.began[None], 64, 0),
        )
        pins = np.array([k for k, _ in leg.pins] + [0]), np.array([latest for _, latest in leg.pins] + [np.inf])
        origin = n if leg.origin is None else leg.origin
        root = np.array([[leg.leaves_unix_s, 0.0, 0.0, 0.0]]), np.array([[origin, 0, -1, 0]], dtype=np.int64)
        pending: dict[int, list[_Part]] = {0: [root]}
        best, best_node = -np.inf, -1
        while pending:
            if self._halt():
                return None
            at = min(pending)
            numbers, names = _together(pending.pop(at), width)
            node = nodes.add(names[:, _PARENT], names[:, _LAST], numbers[:, _START], c)
            done = names[:, _MET] == len(leg.pins)
            if done.any():
                top = int(np.where(done, numbers[:, _VALUE], -np.inf).argmax())
                if numbers[top, _VALUE] > best + 1e-9:
                    best, best_node = float(numbers[top, _VALUE]), int(node[top])
                if not leg.open_end:
                    numbers, names, node = numbers[~done], names[~done], node[~done]
            if not len(node):
                continue
            found = self._children(pins, numbers, names, node, nodes, rest_gain, extra, width * spread, bucket_s)
            if found is None:
                continue
            bucket, children, called = found
            cuts = [0, *(np.flatnonzero(bucket[1:] != bucket[:-1]) + 1).tolist(), len(bucket)]
            for a, b in pairwise(cuts):
                pending.setdefault(max(int(bucket[a]), at + 1), []).append((children[a:b], called[a:b]))
        return None if best_node < 0 else nodes.order(best_node)

    def _children(
        self,
        pins: tuple[Ints, Floats],
        numbers: Floats,
        names: Ints,
        node: Ints,
        nodes: Nodes,
        rest_gain: Floats,
        extra: Floats,
        keep: int,
        bucket_s: float,
    ) -> tuple[Ints, Floats, Ints] | None:
        """Give every way to go on, sorted by when it ends: the times as numbers of a bucket, and the rest."""
        c, inside = self._c, nodes.inside[node]
        start = self._starts(pins, numbers, names, node, nodes, inside)
        w, j = np.nonzero(start < np.inf)
        begin = start[w, j]
        if c.quality is not None:
            w, j, begin = self._later_too(w, j, begin)
        end = begin + c.duration_s[j]
        met = names[w, _MET]
        if len(pins[0]) > 1:
            pin, limit = pins[0][met], pins[1][met]
            is_pin = (j == pin) & (met < len(pins[0]) - 1)
            good = np.where(is_pin, begin <= limit, end + self._steps[j, pin] <= limit)
            w, j, begin, end, met = w[good], j[good], begin[good], end[good], met[good] + is_pin[good]
        if not len(w):
            return None
        value = numbers[w, _VALUE] + c.value_at(j, begin)
        cell = self._market.cell(end)
        first = int(cell.min())
        elsewhere = inside.astype(np.float64) @ rest_gain[:, first : int(cell.max()) + 1]
        promise = (
            value
            + extra[j]
            + self._market.left_at(end)
            + self._rest[cell]
            - elsewhere[w, cell - first]
            - rest_gain[j, cell]
        )
        if len(c.quota_s):
            # What is left of a quota is worth its price, as time is.
            promise -= (nodes.used[node] @ self._market.excess)[w] + self._charge[j]
        children = np.stack([end, begin, value, promise], axis=1)
        called = np.stack([j, names[w, _MARK] ^ self._marks[j], node[w], met], axis=1)
        if len(w) > keep:
            top = np.argpartition(-promise, keep)[:keep]
            children, called = children[top], called[top]
        bucket = ((children[:, _END] - self._begin) / bucket_s).astype(np.int64)
        order = bucket.argsort(kind="stable")
        return bucket[order], children[order], called[order]

    def _starts(
        self,
        pins: tuple[Ints, Floats],
        numbers: Floats,
        names: Ints,
        node: Ints,
        nodes: Nodes,
        inside: NDArray[np.bool_],
    ) -> Floats:
        """Give the earliest start of each block after each partial plan, shape (W, N); infinity where there is none."""
        c = self._c
        arrival = numbers[:, _END, None] + self._steps[names[:, _LAST]]
        linked = c.after >= 0
        before = nodes.began[node][:, c.after] if c.linked else arrival
        if c.linked:
            arrival = np.maximum(arrival, np.where(linked, before + c.gap_s[:, 0], -np.inf))
        start = np.full(arrival.shape, np.inf)
        for a, b in zip(c.first.T, c.last.T, strict=True):
            start = np.minimum(start, np.where(arrival <= b, np.maximum(arrival, a), np.inf))
        start[inside] = np.inf
        for k, pin in enumerate(pins[0][:-1].tolist()):
            start[names[:, _MET] != k, pin] = np.inf
        if c.linked:
            start[linked & ((start > before + c.gap_s[:, 1]) | np.isnan(before))] = np.inf
        if len(c.quota_s):
            room = np.hstack([c.quota_s - nodes.used[node], np.full((len(node), 1), np.inf)])
            start[c.duration_s > room[:, c.quota_of] + 1e-6] = np.inf
        return start

    def _later_too(self, w: Ints, j: Ints, begin: Floats) -> tuple[Ints, Ints, Floats]:
        """Add the start at which each would gain most, where that is later than its earliest."""
        best = self._market.best_start[j, self._market.cell(begin)]
        later = np.flatnonzero(best > begin + 1.0)
        return np.append(w, w[later]), np.append(j, j[later]), np.append(begin, best[later])


def _together(parts: list[_Part], width: int) -> _Part:
    """Join partial plans; of equal ones keep the earliest (or most promising), of all the most promising."""
    numbers, names = parts[0]
    if len(parts) > 1:
        numbers, names = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
    if len(names) > 1:
        key = names[:, _MARK] * _PRIME + names[:, _LAST]
        order = np.lexsort((numbers[:, _END], -numbers[:, _PROMISE], key))
        ranked = key[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = ranked[1:] != ranked[:-1]
        order = order[fresh]
        if len(order) > width:
            order = order[np.argpartition(-numbers[order, _PROMISE], width)[:width]]
        numbers, names = numbers[order], names[order]
    return numbers, names
