"""What a search needs to know of the blocks, as arrays: when each may start, its worth, the ways between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.visibility import Visibility

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """N blocks that can be placed.

    :param first: begins of the spans in which each may start, shape (N, K), padded with +inf
    :param last: their ends, padded with -inf
    :param duration_s: shape (N,)
    :param value: what each is worth, shape (N,)
    :param transition_s: from the row's block to the column's, shape (N, N)
    :param fixed: which of them run already, in order of time
    :param spans: the same starts as lists, and ``steps`` the transitions: scalar work is faster on them
    :param quality: share of the value, by start, shape (N, G), on a grid of times; None if all starts are equal
    :param quota_of: which quota each counts to, shape (N,), -1 for none; ``quota_s`` what each quota allows
    :param after: which block each must follow, shape (N,), -1 for none; ``gap_s`` from start to start, shape (N, 2)
    :param bonus: part of ``value`` that only says that it must be placed
    """

    first: Floats
    last: Floats
    duration_s: Floats
    value: Floats
    transition_s: Floats
    fixed: tuple[int, ...]
    spans: list[list[tuple[float, float]]]
    steps: Sequence[Sequence[float]]
    quality: Quality | None = None
    quota_s: Floats = field(default_factory=lambda: np.zeros(0))
    quota_of: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    after: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    gap_s: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    bonus: float = 0.0

    @property
    def linked(self) -> bool:
        """Whether some must follow others."""
        return bool((self.after >= 0).any())

    def value_at(self, which: Ints, start_unix_s: Floats) -> Floats:
        """Give what some blocks are worth at some starts."""
        value = self.value[which]
        return value if self.quality is None else value * self.quality.at(which, start_unix_s)

    def with_quality(self, quality: Quality) -> Candidates:
        """Give the same, worth more or less by their starts."""
        return replace(self, quality=quality)

    def restricted(self, spans: list[list[tuple[float, float]]]) -> Candidates:
        """Give the same with other starts."""
        width = max(1, max(map(len, spans), default=1))
        first = np.array([[a for a, _ in own] + [np.inf] * (width - len(own)) for own in spans]).reshape(-1, width)
        last = np.array([[b for _, b in own] + [-np.inf] * (width - len(own)) for own in spans]).reshape(-1, width)
        return replace(self, first=first, last=last, spans=spans)

    def only(self, keep: Ints) -> Candidates:
        """Give some of them, without links."""
        steps = self.transition_s[np.ix_(keep, keep)]
        place = {int(k): i for i, k in enumerate(keep)}
        return replace(
            self,
            first=self.first[keep],
            last=self.last[keep],
            duration_s=self.duration_s[keep],
            value=self.value[keep],
            transition_s=steps,
            fixed=tuple(place[k] for k in self.fixed if k in place),
            spans=[self.spans[k] for k in keep],
            steps=steps.tolist(),
            quality=None,
            quota_of=self.quota_of[keep],
            after=np.full(len(keep), -1, dtype=np.int64),
            gap_s=self.gap_s[keep],
        )

    def with_one_more(
        self, queue: Sequence[tuple[Block, Visibility]], transition: Transition, bonus: float
    ) -> Candidates:
        """Give them with the last of a queue, which is worth more by a bonus."""
        block, seen = queue[-1]
        n = len(queue) - 1
        to, back = _way(queue, transition)
        between = np.empty((n + 1, n + 1))
        between[:n, :n] = self.transition_s
        between[:n, n], between[n, :n], between[n, n] = to, back, transition.settle_s
        grown = replace(
            self,
            duration_s=np.append(self.duration_s, block.duration_s),
            value=np.append(self.value, block.worth + bonus),
            transition_s=between,
            steps=_Rows(between),
            quality=None,
            quota_of=np.append(self.quota_of, -1),
            after=np.append(self.after, -1),
            gap_s=np.vstack([self.gap_s, [[0.0, np.inf]]]),
        )
        own = _starts(block, seen)
        wider = max(0, len(own) - self.first.shape[1]), self.first.shape[1] - len(own)
        rows = [(self.first, [a for a, _ in own], np.inf), (self.last, [b for _, b in own], -np.inf)]
        first, last = (
            np.vstack(
                [np.pad(table, ((0, 0), (0, wider[0])), constant_values=fill), [edges + [fill] * max(0, wider[1])]]
            )
            for table, edges, fill in rows
        )
        return replace(grown, first=first, last=last, spans=[*self.spans, own])

    @classmethod
    def of(
        cls,
        queue: Sequence[tuple[Block, Visibility]],
        transition: Transition,
        *,
        quotas: Mapping[str, float] | None = None,
        quality: Quality | None = None,
    ) -> Candidates:
        """Gather them; a running block may start only when it did, and is worth nothing more.

        :param quotas: seconds that each programme may have
        """
        blocks, seen = [block for block, _ in queue], [v for _, v in queue]
        starts = [_starts(block, v) for block, v in queue]
        width = max((len(s) for s in starts), default=1)
        first, last = np.full((len(blocks), width), np.inf), np.full((len(blocks), width), -np.inf)
        for k, spans in enumerate(starts):
            for i, (a, b) in enumerate(spans):
                first[k, i], last[k, i] = a, b
        running = [k for k, block in enumerate(blocks) if block.fixed_start_unix_s is not None]
        value = np.array([block.worth for block in blocks])
        must = np.array([block.mandatory for block in blocks], dtype=bool)
        must[running] = False
        bonus = 2.0 * float(value.sum()) if must.any() else 0.0
        value[must] += bonus
        value[running] = 0.0
        row = {block.id: k for k, block in enumerate(blocks)}
        limits = dict(quotas or {})
        place = {name: k for k, name in enumerate(limits)}
        between = _transitions(blocks, seen, transition)
        return cls(
            first,
            last,
            np.array([block.duration_s for block in blocks]),
            value,
            between,
            tuple(sorted(running, key=lambda k: float(first[k, 0]))),
            starts,
            between.tolist(),
            quality,
            np.array(list(limits.values()), dtype=np.float64),
            np.array([place.get(block.programme, -1) for block in blocks], dtype=np.int64),
            np.array([row.get(block.after, -1) if block.after is not None else -1 for block in blocks], dtype=np.int64),
            np.array([block.gap_s for block in blocks], dtype=np.float64).reshape(-1, 2),
            bonus,
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """What share of its value a block brings, by its start.

    :param begin_unix_s: of the grid; its points are ``step_s`` apart
    :param share: shape (N, G)
    """

    begin_unix_s: float
    step_s: float
    share: Floats

    def at(self, which: Ints, start_unix_s: Floats) -> Floats:
        """Give the shares of some blocks at some starts."""
        x = np.clip((start_unix_s - self.begin_unix_s) / self.step_s, 0, self.share.shape[1] - 1.000001)
        k = x.astype(np.int64)
        low = self.share[which, k]
        return low + (x - k) * (self.share[which, k + 1] - low)


def _starts(block: Block, seen: Visibility) -> list[tuple[float, float]]:
    if block.fixed_start_unix_s is not None:
        return [(block.fixed_start_unix_s, block.fixed_start_unix_s)]
    return [(a, b - block.duration_s) for a, b in seen.together if b - a >= block.duration_s]


def _transitions(blocks: Sequence[Block], seen: Sequence[Visibility], transition: Transition) -> Floats:
    total = np.full((len(blocks), len(blocks)), transition.settle_s, dtype=np.float64)
    if transition.slew_rate_deg_s is not None:
        directions = np.array([v.direction for v in seen]).reshape(-1, 3)
        # From the cosine, which is good to an arcsecond at zero: enough for a slew.
        cosine = np.clip(directions @ directions.T, -1.0, 1.0)
        total += np.degrees(np.arccos(cosine)) / transition.slew_rate_deg_s
    before = np.array([b.filters[-1] if b.filters else "" for b in blocks])[:, None]
    after = np.array([b.filters[0] if b.filters else "" for b in blocks])[None, :]
    return total + np.where((before != after) & (before != "") & (after != ""), transition.filter_change_s, 0.0)


class _Rows(Sequence[Sequence[float]]):
    """Rows of a table, made lists when they are asked for."""

    def __init__(self, table: Floats) -> None:
        self._table = table

    def __getitem__(self, k: Any) -> Any:
        return self._table[k]

    def __len__(self) -> int:
        return len(self._table)


def _way(queue: Sequence[tuple[Block, Visibility]], transition: Transition) -> tuple[Floats, Floats]:
    """Give the times from each block to the last, and from the last to each."""
    block, seen = queue[-1]
    others = [b for b, _ in queue[:-1]]
    move: Floats = np.full(len(others), transition.settle_s, dtype=np.float64)
    if transition.slew_rate_deg_s is not None and others:
        cosine = np.clip(np.array([v.direction for _, v in queue[:-1]]) @ seen.direction, -1.0, 1.0)
        move += np.degrees(np.arccos(cosine)) / transition.slew_rate_deg_s

    mine, cost = block.filters, transition.filter_change_s
    to = np.array([cost if mine and b.filters and b.filters[-1] != mine[0] else 0.0 for b in others])
    back = np.array([cost if mine and b.filters and mine[-1] != b.filters[0] else 0.0 for b in others])
    return move + to, move + back
