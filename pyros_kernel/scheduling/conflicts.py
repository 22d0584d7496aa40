"""Blocks that exclude each other, because neither leaves time for the other: at most one of them is in a plan."""

from __future__ import annotations

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints

_HAIR_S = 1e-3  # rounding excludes nobody


def cliques(c: Candidates) -> Ints:
    """Part blocks into sets in which any two exclude each other; give the number of each block's set, shape (N,).

    Most are alone in theirs.  The sets grow greedily from the most valuable blocks: finding the best ones is as
    hard as the planning.
    """
    n = len(c.value)
    soonest, latest = c.first.min(axis=1, initial=np.inf), c.last.max(axis=1, initial=-np.inf)
    # From one to the other directly, or by way of others, each of which takes its time too.
    way = c.transition_s + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
    around = (
        way.min(axis=1, initial=np.inf)[:, None] + c.duration_s.min(initial=np.inf) + way.min(axis=0, initial=np.inf)
    )
    before = (soonest + c.duration_s)[:, None] + np.minimum(way, around) <= latest + _HAIR_S
    exclude = ~(before | before.T)
    np.fill_diagonal(exclude, False)
    clique: Ints = np.full(n, -1, dtype=np.int64)
    count = 0
    for k in np.argsort(-c.value, kind="stable").tolist():
        if clique[k] >= 0:
            continue
        clique[k] = count
        able = exclude[k] & (clique < 0)
        while able.any():
            other = int(np.where(able, c.value, -np.inf).argmax())
            clique[other] = count
            able &= exclude[other]
            able[other] = False
        count += 1
    return clique
