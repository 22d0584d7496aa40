"""Blocks that exclude each other, because neither leaves time for the other: at most one of them is in a plan."""

from __future__ import annotations

import numpy as np

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.ways import nearest_s, some_rows

_HAIR_S = 1e-3  # rounding excludes nobody


def cliques(c: Candidates) -> Ints:
    """Part blocks into sets in which any two exclude each other; give the number of each block's set, shape (N,).

    Most are alone in theirs.  The sets grow greedily from the most valuable blocks: finding the best ones is as
    hard as the planning.
    """
    n = len(c.value)
    soonest, latest = c.first.min(axis=1, initial=np.inf), c.last.max(axis=1, initial=-np.inf)
    # From one to the other directly, or by way of others, each of which takes its time too.
    there, back = nearest_s(c.transition_s)
    shortest = c.duration_s.min(initial=np.inf)
    before = np.zeros((n, n), dtype=bool)
    for rows in some_rows(n):
        way = np.minimum(c.transition_s[rows], there[rows, None] + shortest + back)
        before[rows] = (soonest + c.duration_s)[rows, None] + way <= latest + _HAIR_S
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
