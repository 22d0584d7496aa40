"""An order of blocks with its earliest and latest starts, and what may be put into it.

This is the orienteering problem with time windows; with both starts known, testing an insertion costs nothing
(Vansteenwegen et al. 2009, Computers & Operations Research 36, 3281).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats


@dataclass(frozen=True, slots=True)
class Route:
    """Blocks in order; each starts as early as it can, and may start as late as ``latest`` without harm behind."""

    order: tuple[int, ...]
    earliest: Floats
    latest: Floats

    @classmethod
    def through(cls, c: Candidates, order: tuple[int, ...]) -> Route | None:
        """Find the starts of an order, or None if it can't be observed."""
        earliest, failed = _earliest(c, order)
        if failed is not None:
            return None
        duration = c.duration_s[list(order)].tolist()
        steps = [c.steps[a][b] for a, b in pairwise(order)]
        held = _held(c, order)
        latest = earliest.copy()
        due = inf
        for k in range(len(order) - 1, -1, -1):
            limit = due - duration[k]
            # Rounding may put the limit a hair before the earliest start, which is always good enough.
            latest[k] = max((min(b, limit) for a, b in c.spans[order[k]] if a <= limit), default=earliest[k])
            # What follows another in time waits for nobody: its distance must hold.
            latest[k] = earliest[k] if order[k] in held else max(latest[k], earliest[k])
            due = latest[k] - (steps[k - 1] if k else 0.0)
        return cls(order, np.array(earliest), np.array(latest))

    @classmethod
    def of_what_fits(cls, c: Candidates, order: tuple[int, ...], must: Set[int]) -> Route:
        """Leave out of an order what comes too late, until the rest can be observed.

        :param must: what is left out only if nothing else before it can be
        """
        left = list(order)
        while True:
            _, failed = _earliest(c, tuple(left))
            if failed is None:
                break
            before = [i for i in range(failed) if left[i] not in must] if left[failed] in must else []
            del left[before[-1] if before else failed]
        found = cls.through(c, tuple(left))
        assert found is not None
        return found

    def value(self, c: Candidates) -> float:
        """Give what it is worth."""
        return float(c.value_at(np.array(self.order, dtype=np.int64), self.earliest).sum())

    def best_insertion(self, c: Candidates, pool: Ints, power: float) -> tuple[int, int, Ints] | None:
        """Find the block of ``pool`` and the position where it brings most value for the time it adds.

        :param power: of the added time: 1 for value per second, less to prefer long blocks
        :return: (block, position, all blocks that fit somewhere), or None if nothing fits
        """
        order = np.array(self.order, dtype=np.int64)
        there, back = c.transition_s[order][:, pool].T, c.transition_s[pool][:, order]
        duration = c.duration_s[pool][:, None]
        nothing = np.zeros((len(pool), 1))
        arrival = np.hstack([nothing - np.inf, self.earliest + c.duration_s[order] + there])
        limit = np.hstack([self.latest - back, nothing + np.inf]) - duration
        start = np.maximum(c.first[pool][:, None, :], arrival[:, :, None])
        fits = start <= np.minimum(c.last[pool][:, None, :], limit[:, :, None])
        possible = fits.any(axis=2)
        if not possible.any():
            return None
        between = np.concatenate([[0.0], c.transition_s[order[:-1], order[1:]], [0.0]]) if len(order) else 0.0
        added = duration + np.hstack([nothing, there]) + np.hstack([back, nothing]) - between
        gain = np.where(possible, c.value[pool][:, None] / np.maximum(added, 1.0) ** power, -np.inf)
        block, position = divmod(int(gain.argmax()), gain.shape[1])
        return int(pool[block]), position, pool[gain.max(axis=1) > -np.inf]

    def filled(self, c: Candidates, pool: Ints, power: float) -> Route:
        """Insert from ``pool`` until nothing fits any more."""
        route = self
        if c.linked:
            pool = pool[c.after[pool] < 0]
        room = c.quota_s.copy()
        for k in self.order if len(room) else ():
            room[c.quota_of[k]] -= c.duration_s[k] if c.quota_of[k] >= 0 else 0.0
        if len(room):
            pool = pool[c.duration_s[pool] <= np.append(room, inf)[c.quota_of[pool]]]
        while len(pool) and (found := route.best_insertion(c, pool, power)) is not None:
            # What fits nowhere now will not fit when the plan is fuller.
            block, position, pool = found
            longer = Route.through(c, (*route.order[:position], block, *route.order[position:]))
            pool = pool[pool != block]
            if longer is not None:
                route = longer
                if len(room) and c.quota_of[block] >= 0:
                    room[c.quota_of[block]] -= c.duration_s[block]
                    pool = pool[c.duration_s[pool] <= np.append(room, inf)[c.quota_of[pool]]]
        return route


def _held(c: Candidates, order: tuple[int, ...]) -> set[int]:
    """Give the blocks of an order whose distances to others must hold."""
    if not c.linked:
        return set()
    followers = [k for k in order if c.after[k] >= 0]
    return {*followers, *(int(c.after[k]) for k in followers)}


def _earliest(c: Candidates, order: tuple[int, ...]) -> tuple[list[float], int | None]:
    """Find the earliest starts of an order, up to the place of the first block that can't start in time."""
    duration = c.duration_s[list(order)].tolist()
    begun: dict[int, float] = {}
    earliest: list[float] = []
    arrival = -inf
    for place, block in enumerate(order):
        leader = int(c.after[block]) if c.linked else -1
        if leader >= 0:
            if leader not in begun:
                return earliest, place
            arrival = max(arrival, begun[leader] + float(c.gap_s[block, 0]))
        start = next((max(a, arrival) for a, b in c.spans[block] if arrival <= b), None)
        if start is None or (leader >= 0 and start > begun[leader] + float(c.gap_s[block, 1])):
            return earliest, place
        begun[block] = start
        earliest.append(start)
        if place + 1 < len(order):
            arrival = start + duration[place] + c.steps[block][order[place + 1]]
    return earliest, None
