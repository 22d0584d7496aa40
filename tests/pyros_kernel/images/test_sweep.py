"""After a crash no whole image is lost, and no half one looks like an image."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images import ImageArchive, ImageContext, Swept, sweep
from pyros_kernel.store import Image, Store

MakeFrame = Callable[..., Frame]
NIGHT = "2026-11-21"


def rows(store: Store) -> list[Image]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Image)))


def test_a_crash_before_the_rename_loses_nothing(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    archive = ImageArchive(tmp_path)
    path = archive.write(make_frame(), context, complete=False)
    path.rename(path.with_name(path.name + ".part"))
    swept = sweep(archive, NIGHT, store)
    assert [tmp_path / image.path for image in swept.recovered] == [path]
    assert path.is_file()
    (row,) = rows(store)
    assert (row.kind, row.camera, row.filter, row.exposure_time_s, row.complete, row.plan_id) == (
        "light", "CAMERA_VIS", "r", 30.0, False, None,
    )  # fmt: skip
    assert row.start.isoformat() == "2026-11-22T06:00:00.250000+00:00"
    assert row.night_id is not None
    assert sweep(archive, NIGHT, store) == Swept((), ())


def test_a_crash_before_the_row_is_mended(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    archive = ImageArchive(tmp_path)
    known = archive.save(make_frame(), context, store)
    unknown = archive.write(make_frame(), replace(context, plan_id=999))
    (image,) = sweep(archive, NIGHT, store).recovered
    assert tmp_path / image.path == unknown
    assert {row.path for row in rows(store)} == {known.path, image.path}


@pytest.mark.parametrize("kept", [0, 1, 2879, 2880, 6000, -2880, -1])
def test_half_an_image_is_set_aside(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store, kept: int
) -> None:
    archive = ImageArchive(tmp_path)
    path = archive.write(make_frame(data=np.arange(90_000, dtype=np.uint16).reshape(300, 300)), context)
    content = path.read_bytes()
    path.rename(part := path.with_name(path.name + ".part"))
    part.write_bytes(content[:kept])
    swept = sweep(archive, NIGHT, store)
    assert swept.recovered == ()
    assert [p.suffix for p in swept.broken] == [".broken"]
    assert not part.exists()
    assert not path.exists()
    assert rows(store) == []


def test_what_is_being_written_is_left_alone(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    archive = ImageArchive(tmp_path)
    path = archive.write(make_frame(), context)
    path.rename(part := path.with_name(path.name + ".part"))
    code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(part)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert sweep(archive, NIGHT, store) == Swept((), ())
        writer.send_signal(signal.SIGKILL)
    assert len(sweep(archive, NIGHT, store).recovered) == 1


def test_a_night_without_images(tmp_path: Path, store: Store) -> None:
    assert sweep(ImageArchive(tmp_path), "1999-01-01", store) == Swept((), ())
