"""The times between blocks, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.visibility import Visibility


def transitions_s(blocks: Sequence[Block], seen: Sequence[Visibility], transition: Transition) -> Floats:
    """Give the times from each block (row) to each (column)."""
    total = np.full((len(blocks), len(blocks)), transition.settle_s, dtype=np.float64)
    if transition.slew_rate_deg_s is not None:
        directions = np.array([v.direction for v in seen]).reshape(-1, 3)
        # From the cosine, which is good to an arcsecond at zero: enough for a slew.
        # Not by @: for many blocks that wakes threads, which go on spinning while nothing is left to do.
        cosine = np.clip(np.einsum("ik,jk->ij", directions, directions), -1.0, 1.0)
        total += np.degrees(np.arccos(cosine)) / transition.slew_rate_deg_s
    before = np.array([b.filters[-1] if b.filters else "" for b in blocks])[:, None]
    after = np.array([b.filters[0] if b.filters else "" for b in blocks])[None, :]
    total += np.where((before != after) & (before != "") & (after != ""), transition.filter_change_s, 0.0)
    if transition.flip_s:
        sides = np.array([v.side for v in seen])
        total += np.where((sides[:, None] == sides[None, :]) & (sides[:, None] != 0), 0.0, transition.flip_s)
    return total


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
