"""What a search needs to know of the blocks, as arrays: when each may start, its worth, the ways between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.shares import Quality
from pyros_kernel.scheduling.visibility import Visibility
from pyros_kernel.scheduling.ways import to_and_from_last_s, transitions_s

Ints = NDArray[np.int64]


T = TypeVar("T")

_ROOM = 16  # blocks that can be added before the table of transitions is copied


class Rows(Sequence[T]):
    """Rows of a table as lists, made when they are asked for: scalar work is faster on them, and few rows need it."""

    def __init__(self, count: int, row: Callable[[int], T]) -> None:
        self._count, self._row = count, row
        self._made: dict[int, T] = {}

    def __getitem__(self, k: Any) -> Any:
        if not 0 <= k < self._count:
            raise IndexError(k)
        if k not in self._made:
            self._made[k] = self._row(k)
        return self._made[k]

    def __len__(self) -> int:
        return self._count


@dataclass(frozen=True, slots=True)
class Candidates:
    """N blocks that can be placed.

    :param first: begins of the spans in which each may start, shape (N, K), padded with +inf
    :param last: their ends, padded with -inf
    :param duration_s: shape (N,)
    :param value: what each is worth, shape (N,)
    :param transition_s: from the row's block to the column's, shape (N, N)
    :param fixed: which of them run already, in order of time
    :param quality: share of the value, by start, shape (N, G), on a grid of times; None if all starts are equal
    :param quota_of: which quota each counts to, shape (N,), -1 for none; ``quota_s`` what each quota allows
    :param after: which block each must follow, shape (N,), -1 for none; ``gap_s`` from start to start, shape (N, 2)
    :param bonus: part of ``value`` that only says that it must be placed

    ``spans`` are the same starts as lists, and ``steps`` the transitions; ``linked`` says whether any follows another.
    """

    first: Floats
    last: Floats
    duration_s: Floats
    value: Floats
    transition_s: Floats
    fixed: tuple[int, ...]
    quality: Quality | None = None
    quota_s: Floats = field(default_factory=lambda: np.zeros(0))
    quota_of: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    after: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    gap_s: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    bonus: float = 0.0
    spans: Sequence[list[tuple[float, float]]] = field(init=False)
    steps: Sequence[list[float]] = field(init=False)
    linked: bool = field(init=False)

    def __post_init__(self) -> None:
        """Derive what is quicker to ask one by one."""
        first, last, between = self.first, self.last, self.transition_s

        def spans(k: int) -> list[tuple[float, float]]:
            return [(a, b) for a, b in zip(first[k].tolist(), last[k].tolist(), strict=True) if a <= b]

        object.__setattr__(self, "spans", Rows(len(first), spans))
        object.__setattr__(self, "steps", Rows(len(between), lambda k: between[k].tolist()))
        object.__setattr__(self, "linked", bool((self.after >= 0).any()))

    def value_at(self, which: Ints, start_unix_s: Floats) -> Floats:
        """Give what some blocks are worth at some starts."""
        value = self.value[which]
        return value if self.quality is None else value * self.quality.at(which, start_unix_s)

    def with_quality(self, quality: Quality) -> Candidates:
        """Give the same, worth more or less by their starts."""
        return replace(self, quality=quality)

    def within(self, begin_unix_s: Floats) -> Candidates:
        """Give the same, each of which may start from a moment of its own on, shape (N,)."""
        begin = begin_unix_s[:, None]
        gone = self.last < begin
        first = np.where(gone, np.inf, np.maximum(self.first, begin))
        return replace(self, first=first, last=np.where(gone, -np.inf, self.last))

    def seen(self, rows: Sequence[int], queue: Sequence[tuple[Block, Visibility]]) -> Candidates:
        """Give the same, some of which are seen at other times."""
        starts = {k: _starts(*queue[k]) for k in rows}
        more = max([0, *(len(own) - self.first.shape[1] for own in starts.values())])
        first = np.pad(self.first, ((0, 0), (0, more)), constant_values=np.inf)
        last = np.pad(self.last, ((0, 0), (0, more)), constant_values=-np.inf)
        for k, own in starts.items():
            first[k], last[k] = np.inf, -np.inf
            for i, (a, b) in enumerate(own):
                first[k, i], last[k, i] = a, b
        return replace(self, first=first, last=last)

    def without(self, begin_unix_s: float, end_unix_s: float) -> Candidates:
        """Give the same, none of which may be in a stretch of time."""
        before = np.minimum(self.last, begin_unix_s - self.duration_s[:, None])
        after = np.maximum(self.first, end_unix_s)
        first, last = np.hstack([self.first, after]), np.hstack([before, self.last])
        none = first > last
        return replace(self, first=np.where(none, np.inf, first), last=np.where(none, -np.inf, last))

    def started(self, starts: Mapping[int, float]) -> Candidates:
        """Give the same, some of which start at one moment and no other."""
        if not starts:
            return self
        first, last = self.first.copy(), self.last.copy()
        for k, start in starts.items():
            first[k], last[k] = np.inf, -np.inf
            first[k, 0] = last[k, 0] = start
        return replace(self, first=first, last=last)

    def only(self, keep: Ints) -> Candidates:
        """Give some of them, without links."""
        place = {int(k): i for i, k in enumerate(keep)}
        return replace(
            self,
            first=self.first[keep],
            last=self.last[keep],
            duration_s=self.duration_s[keep],
            value=self.value[keep],
            transition_s=self.transition_s[np.ix_(keep, keep)],
            fixed=tuple(place[k] for k in self.fixed if k in place),
            quality=None,
            quota_of=self.quota_of[keep],
            after=np.full(len(keep), -1, dtype=np.int64),
            gap_s=self.gap_s[keep],
        )

    def roomy(self, more: int) -> Candidates:
        """Give the same, with room for some more blocks, so that each can be added without a copy of all."""
        n = len(self.value)
        table = np.empty((n + more, n + more))
        table[:n, :n] = self.transition_s
        return replace(self, transition_s=table[:n, :n])

    def with_one_more(
        self, queue: Sequence[tuple[Block, Visibility]], transition: Transition, bonus: float
    ) -> Candidates:
        """Give them with the last of a queue, which is worth more by a bonus; none else may be added to these."""
        block, seen = queue[-1]
        n = len(queue) - 1
        to, back = to_and_from_last_s(queue, transition)
        table = self.transition_s.base
        if table is None or len(table) <= n:
            return self.roomy(_ROOM).with_one_more(queue, transition, bonus)
        between = table[: n + 1, : n + 1]
        between[:n, n], between[n, :n], between[n, n] = to, back, transition.settle_s
        grown = replace(
            self,
            duration_s=np.append(self.duration_s, block.duration_s),
            value=np.append(self.value, block.worth + bonus),
            transition_s=between,
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
        return replace(grown, first=first, last=last)

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
        between = transitions_s(blocks, seen, transition)
        return cls(
            first,
            last,
            np.array([block.duration_s for block in blocks]),
            value,
            between,
            tuple(sorted(running, key=lambda k: float(first[k, 0]))),
            quality,
            np.array(list(limits.values()), dtype=np.float64),
            np.array([place.get(block.programme, -1) for block in blocks], dtype=np.int64),
            np.array([row.get(block.after, -1) if block.after is not None else -1 for block in blocks], dtype=np.int64),
            np.array([block.gap_s for block in blocks], dtype=np.float64).reshape(-1, 2),
            bonus,
        )


def _starts(block: Block, seen: Visibility) -> list[tuple[float, float]]:
    if block.fixed_start_unix_s is not None:
        return [(block.fixed_start_unix_s, block.fixed_start_unix_s)]
    return [(a, b - block.duration_s) for a, b in seen.together if b - a >= block.duration_s]
