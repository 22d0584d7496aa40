"""The whole system at rest: observatory, simulators, guardian, agents and workers; from start to ready, and idle."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict

import psutil

from pyros_kernel import Observatory
from pyros_kernel.tasks import Workers, app

_SETTLE_S, _IDLE_S = 15.0, 60.0  # a periodic task comes once a minute
_TARGET_PERCENT = 3.0


def run() -> list[tuple[str, str]]:
    """Measure; return (what, figure) rows."""
    with tempfile.TemporaryDirectory() as data:
        began_s = time.monotonic()
        with Observatory(data) as obs:
            ready_s = time.monotonic() - began_s
            began_s = time.monotonic()
            with Workers(obs.settings):
                workers_s = time.monotonic() - began_s
                time.sleep(_SETTLE_S)
                used = _percent_by_program(_IDLE_S)
            app.use(None)
    total = sum(used.values())
    parts = ", ".join(f"{name} {percent:.1f}" for name, percent in sorted(used.items(), key=lambda item: -item[1]))
    return [
        ("observatory with simulators: start to ready", f"{ready_s:.1f} s"),
        ("all workers: start to ready", f"{workers_s:.1f} s"),
        (
            f"whole system at rest (wanted: below {_TARGET_PERCENT:g} % of a core)",
            f"{total:.1f} % of a core ({parts})",
        ),
    ]


def _percent_by_program(seconds: float) -> dict[str, float]:
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    before_s = {process: _used_s(process) for process in family}
    time.sleep(seconds)
    percent: dict[str, float] = defaultdict(float)
    for process in family:
        percent[_name(process)] += 100 * (_used_s(process) - before_s[process]) / seconds
    return dict(percent)


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    for name, word in (("simulators", "simulators"), ("guardian", "guardian"), ("workers", "tasks.host")):
        if any(word in each for each in words[1:3]):
            return name
    return "kernel"
