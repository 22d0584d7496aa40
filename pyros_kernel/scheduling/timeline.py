"""Placed blocks in order of time, and where another fits between them."""

from __future__ import annotations

import numpy as np

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.intervals import Spans
from pyros_kernel.scheduling.shares import Ints


class Timeline:
    """What is placed so far; insertion never moves what is there."""

    def __init__(self, transition: Transition) -> None:
        self._transition = transition
        self.entries: list[tuple[float, float, Block]] = []
        self._starts: Floats = np.empty(0)
        self._ends: Floats = np.empty(0)
        self.directions: Floats = np.empty((0, 3))
        self._names: dict[str, int] = {"": 0}
        self._filters: Ints = np.empty((0, 2), dtype=np.int64)  # the first and last of each, by number

    def fix(self, block: Block, direction: Floats, start_unix_s: float) -> None:
        """Place a block that runs already.

        :raises ValueError: if it overlaps another one
        """
        end = start_unix_s + block.duration_s
        for a, b, other in self.entries:
            if a < end and start_unix_s < b:
                raise ValueError(f"blocks {other.label} and {block.label} can't both be running: they overlap")
        self.insert(block, direction, start_unix_s)

    def insert(self, block: Block, direction: Floats, start_unix_s: float) -> None:
        """Place a block where :meth:`earliest` found room."""
        k = int(np.searchsorted(self._starts, start_unix_s))
        end = start_unix_s + block.duration_s
        self.entries.insert(k, (start_unix_s, end, block))
        self._starts = np.insert(self._starts, k, start_unix_s)
        self._ends = np.insert(self._ends, k, end)
        self.directions = np.insert(self.directions, k, direction, axis=0)
        self._filters = np.insert(self._filters, k, self._ends_of(block.filters), axis=0)

    def transitions_s(self) -> list[float]:
        """Give the time that each placed block needs after the one before it, without a flip of the mount.

        Nothing for the first.
        """
        pairs = zip(self.entries[:-1], self.entries[1:], self.directions[:-1], self.directions[1:], strict=True)
        return [0.0 for _ in self.entries[:1]] + [
            float(self._move_s(np.asarray(u - v))) + self._change_s(a[2].filters, b[2].filters) for a, b, u, v in pairs
        ]

    def earliest(self, block: Block, direction: Floats, spans: Spans) -> float | None:
        """Find the earliest start inside ``spans`` that keeps every transition, or None."""
        if not spans:
            return None
        before, after = self._transitions_s(block, direction)
        gap_start = np.concatenate([[-np.inf], self._ends + before])
        gap_end = np.concatenate([self._starts - after, [np.inf]])
        a, b = np.array(spans).T
        first = np.maximum(gap_start[:, None], a[None, :])
        last = np.minimum(gap_end[:, None], b[None, :]) - block.duration_s
        fits = first <= last
        return float(first[fits].min()) if fits.any() else None

    def _transitions_s(self, block: Block, direction: Floats) -> tuple[Floats, Floats]:
        """Give the times from each placed block to this one, and from this one to each."""
        # On which side of the meridian a block comes to lie is not known here: room for a flip is always kept.
        move = self._move_s(self.directions - direction) + self._transition.flip_s
        first, last = self._ends_of(block.filters)
        change = self._transition.filter_change_s
        before = change * ((self._filters[:, 1] != first) & (self._filters[:, 1] > 0) & (first > 0))
        after = change * ((self._filters[:, 0] != last) & (self._filters[:, 0] > 0) & (last > 0))
        return move + before, move + after

    def _ends_of(self, filters: tuple[str, ...]) -> tuple[int, int]:
        first, last = (filters[0], filters[-1]) if filters else ("", "")
        return (self._names.setdefault(first, len(self._names)), self._names.setdefault(last, len(self._names)))

    def _move_s(self, difference: Floats) -> Floats:
        t = self._transition
        move = np.full(difference.shape[:-1], t.settle_s, dtype=np.float64)
        if t.slew_rate_deg_s is not None:
            chord = np.linalg.norm(difference, axis=-1)
            move += np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0))) / t.slew_rate_deg_s
        return move

    def _change_s(self, old: tuple[str, ...], new: tuple[str, ...]) -> float:
        return self._transition.filter_change_s if old and new and old[-1] != new[0] else 0.0
