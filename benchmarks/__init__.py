"""Each promise of speed, next to a peer or a physical limit, in one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

FULL = "--full" in sys.argv  # what takes more than a few minutes too


def least_cpu_s(work: Callable[[], object], times: int) -> float:
    """Give the least CPU seconds of some runs, after one that warms up: what else runs here can only add.

    :param times: how many runs count
    """
    work()
    spent: list[float] = []
    for _ in range(times):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)
