"""A night whose devices lose their links all the time, and one whose disk is full for a while."""

from __future__ import annotations

import random
import subprocess
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from drill.measured import Measured
from drill.place import Late, until
from drill.witness import Frames, lost_or_twice
from instruments import InstrumentError
from instruments.pyros import SimulatorControl
from pyros_kernel import Observatory

_MINUTE_S = 60.0
_NIGHT_REAL_S = 3600.0
_DISK_MB = 48
_LEAST_CUTS = 500  # of each device: a night has some 700 minutes
_CUTS = ("drop", "storm", "crash")  # within an answer; all links at once; the port too, for a moment
_SEEDS = 1_000_000


def disconnected_night(directory: Path, dice: random.Random, speed: float = 30.0) -> list[Measured]:
    """Observe a night while each device loses its links once a minute of the observatory's time.

    :param speed: observatory seconds per real second
    """
    ended = Measured(f"a disconnect a minute on every device through a night at ×{speed:g}: it ends by itself")
    frames = Measured("… and every frame that a camera gave is on disk and in the store, none there twice")
    with (
        Frames.watched(directory),
        Observatory(directory, night="2022-09-29", speed=speed, fixtures=("night_2022-09-29.json",)) as obs,
        obs.simulators.control() as control,
    ):
        stop, cuts = threading.Event(), Counter[str]()
        cutter = threading.Thread(target=_cut, args=(control, speed, dice, stop, cuts), name="drill-cutter")
        cutter.start()
        try:
            status = obs.observe().wait(_NIGHT_REAL_S)
        except TimeoutError as error:
            status = str(error)
        finally:
            stop.set()
            cutter.join()
        ended.runs = frames.runs = cuts.total()
        if not cuts or min(cuts.values()) < _LEAST_CUTS:
            ended.violations.append(f"some device lost its links too seldom: this proves nothing: {dict(cuts)}")
        if status != "done":
            ended.violations.append(f"the night is {status}")
        taken = obs.summary()
        did = taken["sequences"]
        ended.seen = f"{did['executed']} executed, {did['failed']} failed, {taken['images']['total']} images"
        ended.violations += [
            f"{one['name']} failed: {one['reason']}" for one in did["all"] if one["status"] == "failed"
        ]
        frames.violations += lost_or_twice(directory, obs.store)
        frames.violations += [f"{frame} is lost" for frame in Frames.missing(directory, obs.store)]
        if not taken["images"]["total"]:
            frames.violations.append("no image was taken at all: this proves nothing")
    return [ended, frames]


def _cut(
    control: SimulatorControl, speed: float, dice: random.Random, stop: threading.Event, cuts: Counter[str]
) -> None:
    """Cut each device's links once a minute, and count those that stood before."""
    names = [name for name, one in _devices(control).items() if one["kind"] != "simulator"]
    pause_s = _MINUTE_S / speed / len(names)
    armed: set[str] = set()  # a drop comes with the next answer: it is counted once it has come
    while not stop.is_set():
        dice.shuffle(names)
        for name in names:
            if stop.wait(pause_s):
                return
            try:
                cuts[name] += _cut_one(control, name, dice, armed)
            except InstrumentError:  # on a busy machine the drill's own link may be given up as well
                with suppress(InstrumentError):
                    control.connect()


def _cut_one(control: SimulatorControl, name: str, dice: random.Random, armed: set[str]) -> int:
    """Cut one device's links; give how many cuts came true since the last look at it."""
    device, cut, came = _devices(control)[name], dice.choice(_CUTS), 0
    if name in armed:
        came += "drop" not in cast("list[str]", device["faults"])
        armed.remove(name)
        control.heal(name)
    control.fault(name, cut, None, dice.randrange(_SEEDS))
    if cut == "drop":
        armed.add(name)
    else:
        control.heal(name)
        came += bool(device["links"])
    return came


def _devices(control: SimulatorControl) -> dict[str, dict[str, object]]:
    return cast("dict[str, dict[str, object]]", control.status()["devices"])


def full_disk(directory: Path) -> list[Measured]:
    """Fill the disk under a night's images, and make room again."""
    waits = Measured("disk full → once there is room again a frame is written", 10.0)
    frames = Measured("… and no frame that was read out is lost, none there twice")
    try:
        with (
            _small_disk(directory) as disk,
            Observatory(
                disk / "data", start="2022-09-30T06:00:00", speed=100, fixtures=("night_2022-09-29.json",)
            ) as obs,
        ):
            obs.observe()
            images = directory / "disk" / "data"
            until(lambda: any(images.glob("*/images/*.fits")), "a first image", 120.0)
            ballast = disk / "ballast"
            with suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(b"x" * 65536)
            until(lambda: any("disk is full" in line.text for line in obs.snapshot().log), "a frame waits", 120.0)
            before = len(list(images.glob("*/images/*.fits")))
            ballast.unlink()
            waits.seconds.append(until(lambda: len(list(images.glob("*/images/*.fits"))) > before, "a frame", 60.0))
            waits.runs = frames.runs = 1
            obs.stop_night("the drill ends")
            until(lambda: not any(s.status == "executing" for s in obs.snapshot().placed), "it stops", 120.0)
            frames.violations += lost_or_twice(disk / "data", obs.store)
    except (Late, subprocess.CalledProcessError, PermissionError, FileNotFoundError) as error:
        waits.violations.append(str(error))
    return [waits, frames]


@contextmanager
def _small_disk(directory: Path) -> Generator[Path]:
    disk = directory / "disk"
    disk.mkdir()
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", str(disk)], check=True)
