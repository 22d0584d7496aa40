"""What a search needs to know of the blocks, as arrays: when each may start, its worth, the ways between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.visibility import Visibility


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
    """

    first: Floats
    last: Floats
    duration_s: Floats
    value: Floats
    transition_s: Floats
    fixed: tuple[int, ...]
    spans: list[list[tuple[float, float]]]
    steps: list[list[float]]

    @classmethod
    def of(cls, queue: Sequence[tuple[Block, Visibility]], transition: Transition) -> Candidates:
        """Gather them; a running block may start only when it did, and is worth nothing more."""
        blocks, seen = [block for block, _ in queue], [v for _, v in queue]
        starts = [_starts(block, v) for block, v in queue]
        width = max((len(s) for s in starts), default=1)
        first, last = np.full((len(blocks), width), np.inf), np.full((len(blocks), width), -np.inf)
        for k, spans in enumerate(starts):
            for i, (a, b) in enumerate(spans):
                first[k, i], last[k, i] = a, b
        running = [k for k, block in enumerate(blocks) if block.fixed_start_unix_s is not None]
        value = np.array([block.worth for block in blocks])
        value[running] = 0.0
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
        )


def _starts(block: Block, seen: Visibility) -> list[tuple[float, float]]:
    if block.fixed_start_unix_s is not None:
        return [(block.fixed_start_unix_s, block.fixed_start_unix_s)]
    return [(a, b - block.duration_s) for a, b in seen.together if b - a >= block.duration_s]


def _transitions(blocks: Sequence[Block], seen: Sequence[Visibility], transition: Transition) -> Floats:
    total = np.full((len(blocks), len(blocks)), transition.settle_s)
    if transition.slew_rate_deg_s is not None:
        directions = np.array([v.direction for v in seen]).reshape(-1, 3)
        # From the cosine, which is good to an arcsecond at zero: enough for a slew.
        cosine = np.clip(directions @ directions.T, -1.0, 1.0)
        total += np.degrees(np.arccos(cosine)) / transition.slew_rate_deg_s
    before = np.array([b.filters[-1] if b.filters else "" for b in blocks])[:, None]
    after = np.array([b.filters[0] if b.filters else "" for b in blocks])[None, :]
    return total + np.where((before != after) & (before != "") & (after != ""), transition.filter_change_s, 0.0)
