"""Nights in a row in one kernel: threads, descriptors and memory must be flat."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

import psutil

from drill.measured import Measured
from pyros_kernel import Observatory
from pyros_kernel.observatory import Defects

_NIGHT_REAL_S = 600.0
_MOST_MB, _MOST_OBJECTS = 0.5, 50.0  # that a night may leave behind, by the slope over the nights after the first third


@dataclass(frozen=True, slots=True)
class After:
    """What the process has after a night."""

    threads: int
    descriptors: int
    objects: int
    memory_mb: float

    @classmethod
    def now(cls) -> After:
        """Look, once all garbage is collected."""
        gc.collect()
        me = psutil.Process()
        return cls(threading.active_count(), me.num_fds(), len(gc.get_objects()), me.memory_full_info().uss / 1e6)


def slope(values: Sequence[float]) -> float:
    """Give the growth per step: the median over all pairs, which a single jump does not move (Theil 1950, Sen 1968)."""
    return median((b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(values), 2))


def nights_in_a_row(directory: Path, nights: int, speed: float = 700.0) -> list[Measured]:
    """Observe whole simulated nights, one after the other, each with its own data.

    :param speed: observatory seconds per real second
    """
    whole = Measured(f"{nights} nights in a row, each observed to its end", _NIGHT_REAL_S)
    after: list[After] = []
    for number in range(nights):
        observatory = Observatory(directory / str(number), night="2022-09-29", speed=speed,
                                  fixtures=("night_2022-09-29.json",))  # fmt: skip
        with observatory as obs:
            began_s = obs.clock.unix_s()
            status = obs.observe().wait(_NIGHT_REAL_S)
            summary = obs.summary()
            whole.seconds.append((obs.clock.unix_s() - began_s) / speed)
        whole.runs += 1
        if status != "done" or not summary["images"]["total"]:
            whole.violations.append(f"night {number + 1}: {status}, {summary['images']['total']} images")
        whole.violations += [f"night {number + 1}: {defect}" for defect in _defects(observatory)]
        after.append(After.now())
    return [whole, *flat(after)]


def flat(after: Sequence[After]) -> list[Measured]:
    """Judge whether nothing grew from night to night, once the first third has loaded what is needed."""
    first, settled = after[: max(1, len(after) // 3)], after[len(after) // 3 :]
    held = Measured("… with no more threads and descriptors than after the first third", runs=len(settled))
    threads, descriptors = max(a.threads for a in first), max(a.descriptors for a in first)
    held.violations += [str(a) for a in settled if a.threads > threads or a.descriptors > descriptors]
    held.seen = f"{after[-1].threads} and {after[-1].descriptors}"
    grown = Measured(f"… and memory flat: at most {_MOST_MB:g} MB and {_MOST_OBJECTS:g} objects more a night")
    grown.runs = len(settled) - 1
    if grown.runs < 1:
        return [held, grown]
    mb, objects = slope([a.memory_mb for a in settled]), slope([float(a.objects) for a in settled])
    grown.seen = f"{mb:+.2f} MB, {objects:+.0f} objects"
    if mb > _MOST_MB or objects > _MOST_OBJECTS:
        grown.violations.append(f"memory in MB: {[round(a.memory_mb, 1) for a in after]}")
        grown.violations.append(f"objects: {[a.objects for a in after]}")
    return [held, grown]


def _defects(observatory: Observatory) -> list[str]:
    try:
        observatory.check()
    except Defects as found:
        return [str(found)]
    return []
