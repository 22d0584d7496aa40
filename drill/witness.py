"""What a night left in its store and on its disk, looked at from outside: what is lost, and what is there twice."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images import ImageArchive, ImageContext
from pyros_kernel.store import Alert, AlertStatus, Image, Plan, PlanStatus, Sequence, SequenceStatus, Store

Found = TypeVar("Found")

_LASTS_S = 5.0  # longer than anything is on its way between disk and store
_SAME_S = 0.002


def lasting(look: Callable[[], set[Found]], seconds: float = _LASTS_S) -> set[Found]:
    """Give what is seen in every look for some real seconds: the rest was on its way."""
    deadline, found = time.monotonic() + seconds, look()
    while found and time.monotonic() < deadline:
        time.sleep(0.1)
        found &= look()
    return found


def executing(store: Store) -> dict[int, str]:
    """Give the sequences whose rows say that they execute."""
    with store.session(read_only=True) as session:
        return {s.id: s.name for s in session.scalars(select(Sequence).filter_by(status=SequenceStatus.EXECUTING))}


def plans_without_sequence(store: Store) -> set[int]:
    """Give the plans that say that they execute, though their sequence does not."""
    with store.session(read_only=True) as session:
        plans = session.scalars(select(Plan).filter_by(status=PlanStatus.EXECUTING))
        return {p.id for p in plans if p.album.sequence.status is not SequenceStatus.EXECUTING}


def in_one_only(data: Path, store: Store) -> set[str]:
    """Give the images that are only on disk, or only in the store."""
    with store.session(read_only=True) as session:
        kept = set(session.scalars(select(Image.path)))
    return kept ^ {p.relative_to(data).as_posix() for p in data.glob("*/images/*.fits")}


def too_many(store: Store) -> list[str]:
    """Say which plans have more images than they ask for: something was done twice."""
    with store.session(read_only=True) as session:
        took = Counter(session.scalars(select(Image.plan_id).where(Image.complete)))
        plans = session.execute(select(Plan.id, Plan.number_of_images)).all()
    return [f"plan {i} has {took[i]} images, it asks for {wanted}" for i, wanted in plans if took[i] > wanted]


def images(store: Store) -> int:
    """Count the images."""
    with store.session(read_only=True) as session:
        return len(session.scalars(select(Image.id)).all())


def lost_alerts(store: Store, acknowledged: set[str]) -> list[str]:
    """Say which acknowledged alerts are not there once, or were not decided about."""
    with store.session(read_only=True) as session:
        rows = session.execute(select(Alert.ivorn, Alert.status, Alert.request_id)).all()
    there = Counter(ivorn for ivorn, _, _ in rows)
    found = [f"{ivorn} is there {there[ivorn]} times" for ivorn in sorted(acknowledged) if there[ivorn] != 1]
    found += [f"{ivorn} is not decided about" for ivorn, status, _ in rows if status is AlertStatus.RECEIVED]
    requests = Counter(request for _, _, request in rows if request is not None)
    return found + [f"request {request} came of {n} alerts" for request, n in requests.items() if n > 1]


def lost_or_twice(data: Path, store: Store) -> list[str]:
    """Say what is wrong with a night that has ended."""
    found = [f"{path} is only in one of the two" for path in sorted(in_one_only(data, store))]
    return found + too_many(store) + [f"{name} says that it executes" for name in executing(store).values()]


class Frames:
    """The frames that a kernel was given, each noted before anything is done with it.

    :param data: the data directory
    """

    NAME = "drill-frames.txt"

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._file = os.open(data / self.NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, frame: Frame) -> None:
        """Note a frame."""
        os.write(self._file, f"{frame.camera} {float(frame.start.utc.unix):.6f}\n".encode())

    @classmethod
    @contextmanager
    def watched(cls, data: Path) -> Generator[None]:
        """Note, in this process and until the end of the block, each frame that is to be written."""
        frames, write = cls(data), ImageArchive.write

        def noted(self: ImageArchive, frame: Frame, context: ImageContext, *, complete: bool = True) -> Path:
            frames.note(frame)
            return write(self, frame, context, complete=complete)

        ImageArchive.write = noted
        try:
            yield
        finally:
            ImageArchive.write = write
            os.close(frames._file)

    @classmethod
    def missing(cls, data: Path, store: Store) -> list[str]:
        """Give those that are not in the store."""
        path = data / cls.NAME
        noted = [line.rsplit(" ", 1) for line in path.read_text().splitlines()] if path.is_file() else []
        with store.session(read_only=True) as session:
            rows = session.execute(select(Image.camera, Image.start)).all()
        there = {(camera, round(start.timestamp() / _SAME_S)) for camera, start in rows}

        def kept(camera: str, start_s: float) -> bool:
            at = round(start_s / _SAME_S)
            return any((camera, at + step) in there for step in (-1, 0, 1))

        return [f"{camera} {start}" for camera, start in noted if not kept(camera, float(start))]
