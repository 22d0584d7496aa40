"""A frame outlives a kill of the process that makes its file, from the moment on at which it came."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images import ArchiveError, ImageArchive, ImageContext, archive, sweep
from pyros_kernel.images.incoming import INCOMING, keep, let_go
from pyros_kernel.store import Image, Store

MakeFrame = Callable[..., Frame]
NIGHT = "2026-11-21"


def killed_while_writing(work: Callable[[], object], at: str) -> None:
    """Do it in a child process that dies once it comes to a function of the archive's."""
    child = os.fork()
    if child == 0:
        setattr(archive, at, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        work()
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("at", ["build_header", "write_fits", "_reserve", "sync_folder"])
def test_a_kill_while_its_file_is_made_loses_no_frame(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store, at: str, complete: bool
) -> None:
    images, frame = ImageArchive(tmp_path), make_frame()
    killed_while_writing(lambda: images.write(frame, context, complete=complete), at)
    sweep(images, NIGHT, store)
    with store.session(read_only=True) as session:
        (row,) = session.scalars(select(Image))
    assert row.complete is complete
    with fits.open(tmp_path / row.path) as hdus:
        found = hdus[0]
        assert np.array_equal(found.data, frame.data)
        header = dict(found.header)
    expected = images.write(frame, context, complete=complete)
    with fits.open(expected) as hdus:
        same = {k: v for k, v in hdus[0].header.items() if k not in ("CHECKSUM", "DATASUM", "DATE")}
    assert {k: header.get(k) for k in same} == same
    assert not list(tmp_path.rglob(f"*{INCOMING}"))


def test_what_lives_is_left_alone_and_what_is_cut_off_is_dropped(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    images, folder = ImageArchive(tmp_path), tmp_path / NIGHT / "images"
    alive = keep(folder, "alive", make_frame(), context, complete=True)
    assert alive is not None
    (folder / f"half{INCOMING}").write_bytes((folder / f"alive{INCOMING}").read_bytes()[:-10])
    assert keep(folder, "alive", make_frame(), context, complete=True) is None  # somebody writes it already
    assert sweep(images, NIGHT, store).recovered == ()
    assert [path.name for path in folder.iterdir()] == [f"alive{INCOMING}"]
    assert "half.incoming was cut off by a crash" in caplog.text
    let_go(alive)
    assert list(folder.iterdir()) == []


def test_what_is_kept_does_not_take_the_last_room(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = archive._reserve

    def room_for_one(folder: Path, stem: str) -> object:
        if list(folder.glob(f"*{INCOMING}")):
            raise OSError(28, "No space left on device")
        return reserve(folder, stem)

    monkeypatch.setattr(archive, "_reserve", room_for_one)
    path = ImageArchive(tmp_path).write(make_frame(), context)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]


def test_a_disk_that_is_full_leaves_nothing_behind(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_reserve", refuse)
    with pytest.raises(ArchiveError, match="the disk is full"):
        ImageArchive(tmp_path).write(make_frame(), context)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
