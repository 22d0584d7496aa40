"""Nights in a row in one kernel: threads, descriptors and memory must be flat."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import psutil

from drill.measured import Measured
from pyros_kernel import Observatory
from pyros_kernel.observatory import Defects

_NIGHT_REAL_S = 600.0
_MEMORY_MB = 50.0  # from the second night on: the first one loads what is needed


def nights_in_a_row(directory: Path, nights: int, speed: float = 700.0) -> list[Measured]:
    """Observe whole simulated nights, one after the other, each with its own data.

    :param speed: observatory seconds per real second
    """
    whole = Measured(f"{nights} nights in a row, each observed to its end", _NIGHT_REAL_S)
    flat = Measured("… with threads and descriptors flat, memory within 50 MB")
    me = psutil.Process()
    before: tuple[int, int, float] | None = None
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
        gc.collect()
        now = (threading.active_count(), me.num_fds(), me.memory_info().rss / 1e6)
        if before is not None:
            flat.runs += 1
            if now[0] > before[0] or now[1] > before[1] or now[2] > before[2] + _MEMORY_MB:
                flat.violations.append(f"night {number + 1}: threads, descriptors, MB: {before} became {now}")
        before = before or now
    return [whole, flat]


def _defects(observatory: Observatory) -> list[str]:
    try:
        observatory.check()
    except Defects as found:
        return [str(found)]
    return []
