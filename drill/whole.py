"""Drills of the whole observatory: a kernel that is busy, killed and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from drill.measured import Measured
from drill.place import Late, journal, until
from pyros_kernel.safety.guardian.line import Line
from pyros_kernel.store import Alert, Image, Plan, Sequence, SequenceStatus, Store

_CELL = """
import ctypes, os, sys, time
from pyros_kernel import Observatory
data, hold_s, start = sys.argv[1], int(sys.argv[2]), sys.argv[3]
began = time.monotonic()
obs = Observatory(data, start=start, speed=100, fixtures=("night_2022-09-29.json",))
obs.start()
obs.observe()
while not any(s.status == "executing" for s in obs.snapshot().placed):
    time.sleep(0.02)
print("OBSERVING", time.monotonic() - began, obs.simulators.control_address, flush=True)
if hold_s:
    ctypes.PyDLL(None).sleep(hold_s)  # holds the interpreter's lock: no other thread of this kernel runs
    time.sleep(60)
while True:
    time.sleep(0.3)
    print("ACK", obs.alerts.send("swift_bat_grb_1125809.xml").ack, flush=True)
    time.sleep(600)
"""


def busy_kernel(directory: Path, runs: int, hold_s: int) -> list[Measured]:
    """Let it rain while a cell holds the interpreter."""
    measured = Measured(f"unsafe → close commanded, while a cell holds the interpreter for {hold_s} s", 2.0)
    for number in range(runs):
        data = directory / f"busy-{number}"
        with _kernel(data, hold_s, "2022-09-30T06:00:00") as kernel:
            assert kernel.stdout is not None
            try:
                _, _, control = kernel.stdout.readline().decode().split()
                time.sleep(1.0)
                line = Line("simulator", control, 3.0)
                rained_s = time.monotonic()
                line.ask("SET", "WEATHER rain true")
                line.close()
                measured.runs += 1
                until(lambda d=data, t=rained_s: _closes(d, t), "the guardian closes")
                measured.seconds.append(_closes(data, rained_s)[0] - rained_s)
            except (Late, ValueError) as error:
                measured.violations.append(f"run {number + 1}: {error}")
            finally:
                os.kill(kernel.pid, signal.SIGKILL)
        _wait_for_the_guardian(data)
    return [measured]


def _closes(data: Path, after_s: float) -> list[float]:
    lines = journal(data)
    return [
        x["steady_s"] for x in lines if x.get("order") == "close" and x["what"] == "sent" and x["steady_s"] > after_s
    ]


def killed_nights(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill the kernel of a night at random moments, and start the same cell again, always on the same data."""
    again = Measured("same cell again after a kill → a sequence executes", 10.0)
    rows = Measured("… and no row is executing without somebody who executes it")
    images = Measured("… and every image of the store is on disk, every frame on disk in the store")
    alerts = Measured("… and no acknowledged alert is lost, nor there twice")
    twice = Measured("… and no sequence is done twice: no plan has more images than it asks for")
    data, acknowledged, said = directory / "night", False, list[str]()
    for number in range(kills + 1):
        with _kernel(data, 0, f"2022-09-30T06:{number % 60:02d}:00") as kernel:
            assert kernel.stdout is not None
            try:
                said = kernel.stdout.readline().decode().split()
                if number:  # the first start makes the database, which is not a restart
                    again.runs += 1
                    again.seconds.append(float(said[1]))
                if not acknowledged or dice.random() < 0.3:
                    acknowledged |= kernel.stdout.readline().strip() == b"ACK True"
                if not number:
                    until(lambda: any(data.glob("*/images/*.fits*")), "a first image, so that there is one to lose")
                time.sleep(dice.uniform(0, 8))
            except (IndexError, ValueError, Late):
                again.violations.append(f"start {number + 1}: it said {said!r}")
            finally:
                os.kill(kernel.pid, signal.SIGKILL)
        _wait_for_the_guardian(data)
        _check(data, number, rows, images, alerts, twice, acknowledged=acknowledged)
    if not any(data.glob("*/images/*.fits")):
        images.violations.append("no image was taken at all: this proves nothing")
    if not acknowledged:
        alerts.violations.append("no alert was acknowledged: this proves nothing")
    return [again, rows, images, alerts, twice]


def _check(
    data: Path,
    number: int,
    rows: Measured,
    images: Measured,
    alerts: Measured,
    twice: Measured,
    *,
    acknowledged: bool,
) -> None:
    """Look at what a killed kernel left, as the next one finds it after its start."""
    from pyros_kernel import Observatory

    with Observatory(data, start="2022-09-30T15:00:00", speed=100):  # by day nothing new begins
        pass
    store = Store.open(f"sqlite:///{data / 'pyros.sqlite'}")
    try:
        with store.session(read_only=True) as session:
            executing = session.scalars(select(Sequence).where(Sequence.status == SequenceStatus.EXECUTING)).all()
            kept = {image.path for image in session.scalars(select(Image))}
            received = session.scalars(select(Alert)).all()
            asked = {plan.id: plan.number_of_images for plan in session.scalars(select(Plan))}
            took = Counter(image.plan_id for image in session.scalars(select(Image).where(Image.complete)))
    finally:
        store.close()
    for measured in (rows, images, alerts, twice):
        measured.runs += 1
    twice.violations += [
        f"kill {number + 1}: plan {plan} has {took[plan]} images, it asks for {wanted}"
        for plan, wanted in asked.items()
        if took[plan] > wanted
    ]
    rows.violations += [f"kill {number + 1}: {s.name} executes" for s in executing]
    on_disk = {p.relative_to(data).as_posix() for p in data.glob("*/images/*.fits")}
    images.violations += [f"kill {number + 1}: {path} is only in one of the two" for path in sorted(kept ^ on_disk)]
    if acknowledged and len(received) != 1:
        alerts.violations.append(f"kill {number + 1}: {len(received)} alerts, one was acknowledged")


def _kernel(data: Path, hold_s: int, start: str) -> subprocess.Popen[bytes]:
    data.mkdir(parents=True, exist_ok=True)
    with (data / "kernel.err").open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", _CELL, str(data), str(hold_s), start], stdout=subprocess.PIPE, stderr=errors
        )


def _wait_for_the_guardian(data: Path) -> None:
    until(lambda: not (data / "guardian.sock").exists(), "the guardian ends", 60.0)
