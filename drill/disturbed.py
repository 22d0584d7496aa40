"""A night whose devices lose their links all the time, and one whose disk is full for a while."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import select

from drill.measured import Measured
from drill.place import Late, until
from instruments import InstrumentError
from instruments.pyros import SimulatorControl
from pyros_kernel import Observatory
from pyros_kernel.store import Image, Plan, Sequence, SequenceStatus, Store

_MINUTE_S = 60.0
_NIGHT_REAL_S = 1800.0
_DISK_MB = 48
_LEAST_CUTS = 600  # a night has as many minutes
_CUTS = ("drop", "half_open", "storm", "crash")


def disconnected_night(directory: Path, dice: random.Random, speed: float = 100.0) -> list[Measured]:
    """Observe a night while each device loses its link once a minute of the observatory's time.

    :param speed: observatory seconds per real second
    """
    ended = Measured(f"a disconnect a minute on every device through a night at ×{speed:g}: it ends by itself")
    frames = Measured("… and no frame that was read out is lost, none there twice")
    with (
        Observatory(directory, night="2022-09-29", speed=speed, fixtures=("night_2022-09-29.json",)) as obs,
        obs.simulators.control() as control,
    ):
        stop, cuts = threading.Event(), list[str]()
        cutter = threading.Thread(target=_cut, args=(control, speed, dice, stop, cuts), name="drill-cutter")
        cutter.start()
        try:
            status = obs.observe().wait(_NIGHT_REAL_S)
        except TimeoutError as error:
            status = str(error)
        finally:
            stop.set()
            cutter.join()
        ended.runs = frames.runs = len(cuts)
        if len(cuts) < _LEAST_CUTS:
            ended.violations.append(f"only {len(cuts)} links were cut: this proves nothing")
        if status != "done":
            ended.violations.append(f"the night is {status}")
        frames.violations += lost_or_twice(directory, obs.store)
        if not obs.summary()["images"]["total"]:
            frames.violations.append("no image was taken at all: this proves nothing")
    return [ended, frames]


def _cut(control: SimulatorControl, speed: float, dice: random.Random, stop: threading.Event, cuts: list[str]) -> None:
    names = [name for name, one in control.status()["devices"].items() if one["kind"] != "simulator"]  # type: ignore[attr-defined]
    while not stop.wait(_MINUTE_S / speed):
        for name in names:
            with suppress(InstrumentError):
                control.fault(name, dice.choice(_CUTS), None, dice.randrange(1 << 30))
                control.heal(name)
                cuts.append(name)


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


def lost_or_twice(data: Path, store: Store) -> list[str]:
    """Say which images are only on disk or only in the store, and which plans and sequences were done twice."""
    with store.session(read_only=True) as session:
        kept = {image.path for image in session.scalars(select(Image))}
        plans = [
            (
                plan.id,
                plan.number_of_images,
                sum(i.complete for i in session.scalars(select(Image).filter_by(plan_id=plan.id))),
            )
            for plan in session.scalars(select(Plan))
        ]
        executing = [s.name for s in session.scalars(select(Sequence).filter_by(status=SequenceStatus.EXECUTING))]
    on_disk = {p.relative_to(data).as_posix() for p in data.glob("*/images/*.fits")}
    found = [f"{path} is only in one of the two" for path in sorted(kept ^ on_disk)]
    found += [f"plan {number}: {there} images instead of {wanted}" for number, wanted, there in plans if there > wanted]
    return found + [f"{name} says that it executes" for name in executing]
