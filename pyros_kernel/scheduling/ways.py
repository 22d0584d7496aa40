"""The times between blocks, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.visibility import Visibility

_ROWS = 512


def transitions_s(blocks: Sequence[Block], seen: Sequence[Visibility], transition: Transition) -> Floats:
    """Give the times from each block (row) to each (column)."""
    n = len(blocks)
    total = np.full((n, n), transition.settle_s, dtype=np.float64)
    directions = np.array([v.direction for v in seen]).reshape(-1, 3)
    before = np.array([b.filters[-1] if b.filters else "" for b in blocks])[:, None]
    after = np.array([b.filters[0] if b.filters else "" for b in blocks])[None, :]
    sides = np.array([v.side for v in seen])
    for rows in some_rows(n):
        if transition.slew_rate_deg_s is not None:
            # From the cosine, which is good to an arcsecond at zero: enough for a slew.
            # Not by @: for many blocks that wakes threads, which go on spinning while nothing is left to do.
            cosine = np.clip(np.einsum("ik,jk->ij", directions[rows], directions), -1.0, 1.0)
            total[rows] += np.degrees(np.arccos(cosine)) / transition.slew_rate_deg_s
        changes = (before[rows] != after) & (before[rows] != "") & (after != "")
        total[rows] += np.where(changes, transition.filter_change_s, 0.0)
        if transition.flip_s:
            same = (sides[rows, None] == sides) & (sides[rows, None] != 0)
            total[rows] += np.where(same, 0.0, transition.flip_s)
    return total


def some_rows(count: int) -> list[slice]:
    """Cut a table's rows into parts, so that what is made of it on the way never needs the memory of a whole one."""
    return [slice(k, min(k + _ROWS, count)) for k in range(0, count, _ROWS)]


def nearest_s(transition_s: Floats) -> tuple[Floats, Floats]:
    """Give the least time from each block to another one, and to each from another one; infinity if it is alone."""
    n = len(transition_s)
    there, back = np.full(n, np.inf), np.full(n, np.inf)
    for rows in some_rows(n):
        other = transition_s[rows].copy()
        other[np.arange(len(other)), np.arange(n)[rows]] = np.inf
        there[rows], back = other.min(axis=1), np.minimum(back, other.min(axis=0))
    return there, back


def to_and_from_last_s(queue: Sequence[tuple[Block, Visibility]], transition: Transition) -> tuple[Floats, Floats]:
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
    if transition.flip_s:
        sides = np.array([v.side for _, v in queue[:-1]])
        move += np.where((sides == seen.side) & (sides != 0), 0.0, transition.flip_s)
    return move + to, move + back
