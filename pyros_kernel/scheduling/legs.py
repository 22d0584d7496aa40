"""Parts of a night that are built, and the partial plans that are built for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a night that is built.

    :param origin: block before it, None for the begin of the plan
    :param leaves_unix_s: when that ends
    :param pins: (block, latest start) that must be met, in order of time; the plan goes on after the last one
        only if ``open_end``
    :param excluded: blocks that have their place elsewhere
    :param used_s: of each quota, elsewhere
    :param began: starts of the blocks elsewhere, NaN for the others; only where some must follow others
    """

    origin: int | None
    leaves_unix_s: float
    pins: tuple[tuple[int, float], ...]
    excluded: NDArray[np.bool_]
    used_s: Floats
    open_end: bool = True
    began: Floats | None = None


class Nodes:
    """The partial plans that were gone on from: which blocks are in each, and what else they carry."""

    def __init__(self, inside: NDArray[np.bool_], used: Floats, began: Floats) -> None:
        self.count = 0
        self.inside, self.used, self.began = inside, used, began
        self.parent: list[Ints] = []
        self.last: list[Ints] = []

    def add(self, parent: Ints, last: Ints, start: Floats, c: Candidates) -> Ints:
        """Add partial plans, each a former one and a block more; give their numbers."""
        node = np.arange(self.count, self.count + len(parent))
        self.count += len(parent)
        self.parent.append(parent)
        self.last.append(last)
        if parent[0] < 0:
            return node
        while self.count > len(self.inside):
            self.inside = np.concatenate([self.inside, np.zeros_like(self.inside)])
            self.used = np.concatenate([self.used, np.zeros_like(self.used)])
            self.began = np.concatenate([self.began, np.zeros_like(self.began)])
        self.inside[node] = self.inside[parent]
        self.inside[node, last] = True
        if self.used.shape[1]:
            self.used[node] = self.used[parent]
            counted = c.quota_of[last] >= 0
            self.used[node[counted], c.quota_of[last[counted]]] += c.duration_s[last[counted]]
        if self.began.shape[1]:
            self.began[node] = self.began[parent]
            self.began[node, last] = start
        return node

    def order(self, node: int) -> tuple[int, ...]:
        """Give the blocks of a partial plan."""
        parent, last = np.concatenate(self.parent), np.concatenate(self.last)
        order: list[int] = []
        while parent[node] >= 0:
            order.append(int(last[node]))
            node = int(parent[node])
        return tuple(reversed(order))
