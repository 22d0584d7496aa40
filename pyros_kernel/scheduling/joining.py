"""Put what follows another into an order that stands, where its distance from that one can be kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf

from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.route import Route


def joined(c: Candidates, order: tuple[int, ...], followers: Iterable[int], spent: Collection[int]) -> tuple[int, ...]:
    """Insert each follower at the first place behind its leader where it, and all that stands, can be observed.

    :param spent: blocks of the past, which count to their quotas
    """
    waiting = list(followers)
    placed = True
    while placed:  # one may follow another that has just been placed
        placed = False
        for k in list(waiting):
            leader = int(c.after[k])
            if leader not in order or not _allowed(c, k, (*order, *spent)):
                continue
            behind = order.index(leader) + 1
            longer = next((o for o in _with(order, k, behind) if Route.through(c, o) is not None), None)
            if longer is not None:
                order, placed = longer, True
                waiting.remove(k)
    return order


def bound_together(c: Candidates) -> set[int]:
    """Give the blocks that follow another, and those that are followed."""
    followers = [k for k in range(len(c.after)) if c.after[k] >= 0]
    return {*followers, *(int(c.after[k]) for k in followers)}


def _with(order: tuple[int, ...], k: int, first: int) -> Iterable[tuple[int, ...]]:
    return ((*order[:i], k, *order[i:]) for i in range(first, len(order) + 1))


def _allowed(c: Candidates, k: int, others: Iterable[int]) -> bool:
    quota = int(c.quota_of[k])
    limit = float(c.quota_s[quota]) if quota >= 0 else inf
    return sum(float(c.duration_s[o]) for o in others if c.quota_of[o] == quota) + float(c.duration_s[k]) <= limit
