"""Drills of the guardian: kernels and guardians killed at random moments, over simulators that live on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from drill.measured import Measured, merged
from drill.place import Late, journal, simulated_place, until
from pyros_kernel.safety import Safety
from pyros_kernel.safety.guarded import Guarded

_SPEED = 100.0
_PLACES = 4  # drilled side by side: each waits most of the time
_KERNEL = """
import json, sys, time
from pathlib import Path
from pyros_kernel.clock import Clock
from pyros_kernel.safety.guarded import Guarded
data, clock, addresses = sys.argv[1:]
guarded = Guarded(Path(data), Clock.from_words(clock), json.loads(addresses), simulated=True)
guarded.start()
print(guarded.pid, flush=True)
time.sleep(600)
"""


def killed_kernels(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill a guarded process that holds an open dome, again and again."""
    return _side_by_side(_kill_kernels, directory, kills, dice)


def killed_guardians(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill the guardian of a living kernel, again and again."""
    return _side_by_side(_kill_guardians, directory, kills, dice)


def _side_by_side(
    drill: Callable[[Path, int, random.Random], list[Measured]], directory: Path, kills: int, dice: random.Random
) -> list[Measured]:
    places = min(_PLACES, kills)
    shares = [kills // places + (number < kills % places) for number in range(places)]
    own = [(directory / f"place-{number}", share, random.Random(dice.random())) for number, share in enumerate(shares)]
    for where, _, _ in own:
        where.mkdir()
    with ThreadPoolExecutor(places) as pool:
        return merged(pool.map(drill, *zip(*own, strict=True)))


def _kill_kernels(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    commanded = Measured("kernel killed → closing begun", 30.0)
    closed = Measured("kernel killed → parked and closed, by the limit switch", 30.0)
    left = Measured("… and no process stays", 30.0)
    with simulated_place(directory, _SPEED) as place:
        for number in range(kills):
            data = directory / f"kernel-{number}"
            arguments = [str(data), place.clock.to_words(), json.dumps(place.addresses)]
            with subprocess.Popen([sys.executable, "-c", _KERNEL, *arguments], stdout=subprocess.PIPE) as kernel:
                assert kernel.stdout is not None
                guardian = psutil.Process(int(kernel.stdout.readline()))
                until(lambda d=data: any(line["what"] == "judged" for line in journal(d)), "it judges")
                place.open()
                time.sleep(dice.uniform(0, 1))
                killed_s = time.monotonic()
                os.kill(kernel.pid, signal.SIGKILL)
            for measured in (commanded, closed, left):
                measured.runs += 1
            try:
                until(place.closed, "parked and closed")
                closed.seconds.append(time.monotonic() - killed_s)
                (first, *_) = (line["steady_s"] for line in journal(data) if line["what"] == "closing")
                commanded.seconds.append(first - killed_s)
                left.seconds.append(until(lambda g=guardian: not g.is_running(), "the guardian ends"))
            except (Late, ValueError) as error:
                closed.violations.append(f"kill {number + 1}: {error}")
    return [commanded, closed, left]


def _kill_guardians(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    back = Measured("guardian killed → another one guards", 10.0)
    stays = Measured("… and the open dome stays open meanwhile")
    with simulated_place(directory, _SPEED) as place:
        guarded = Guarded(directory / "guardian", place.clock, place.addresses, simulated=True)
        guarded.start()
        try:
            place.open()
            for number in range(kills):
                until(lambda: guarded.opinion().safety is Safety.SAFE, "safe")
                time.sleep(dice.uniform(0, 1))
                pid = guarded.pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                back.runs += 1
                stays.runs += 1
                try:
                    back.seconds.append(until(lambda p=pid: guarded.pid not in (None, p), "another guardian"))
                except Late as error:
                    back.violations.append(f"kill {number + 1}: {error}")
                if place.dome["open_switch"] is not True:
                    stays.violations.append(f"kill {number + 1}: the dome is {place.dome['shutter']}")
        finally:
            guarded.stop()
        closed = Measured("… and released, it closes what is open")
        closed.runs = 1
        if not place.dome["closed_switch"]:
            closed.violations.append(f"the dome is {place.dome['shutter']}")
    return [back, stays, closed]
