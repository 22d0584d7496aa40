"""A kernel that is busy while it becomes unsafe: the guardian alone closes."""

from __future__ import annotations

import time
from pathlib import Path

from astropy.time import Time

from drill.kernel import Kernel
from drill.measured import Measured
from drill.place import Late, journal, until
from pyros_kernel.clock import Clock
from pyros_kernel.safety.guardian.line import Line

_BEGIN, _SPEED = "2022-09-30T06:00:00", 100.0


def busy_kernel(directory: Path, runs: int, hold_s: int) -> list[Measured]:
    """Let it rain while a cell holds the interpreter for ``hold_s`` seconds."""
    measured = Measured(f"unsafe → close commanded, while a cell holds the interpreter for {hold_s} s", 2.0)
    for number in range(runs):
        data = directory / f"busy-{number}"
        with Kernel(data, Clock(Time(_BEGIN), _SPEED)) as kernel:
            try:
                line = Line("simulator", kernel.started()["control"], 3.0)
                kernel.goes_on()
                kernel.ask(f"hold {hold_s}")
                time.sleep(1.0)
                rained_s = time.monotonic()
                line.ask("SET", "WEATHER rain true")
                line.close()
                measured.runs += 1
                until(lambda d=data, t=rained_s: _closes(d, t), "the guardian closes")
                measured.seconds.append(_closes(data, rained_s)[0] - rained_s)
            except Late as error:
                measured.violations.append(f"run {number + 1}: {error}")
            kernel.kill()
    return [measured]


def _closes(data: Path, after_s: float) -> list[float]:
    lines = (x for x in journal(data) if x["what"] == "sent" and x.get("order") == "close")
    return [x["steady_s"] for x in lines if x["steady_s"] > after_s]
