"""An image is on disk whole or not at all, under a name of its own, with its row."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images import ArchiveError, ImageArchive, ImageContext
from pyros_kernel.store import Image, Night, Store

MakeFrame = Callable[..., Frame]


def test_round_trip(tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store) -> None:
    frame = make_frame()
    image = ImageArchive(tmp_path).save(frame, context, store)
    path = tmp_path / image.path
    assert image.path == "2026-11-21/images/20261122T060000.250Z_CAMERA-VIS_r_light_s000012.fits"
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].data.dtype == np.uint16
        np.testing.assert_array_equal(hdus[0].data, frame.data)
        assert {"CHECKSUM", "DATASUM"} <= set(hdus[0].header)
    with store.session(read_only=True) as session:
        row = session.scalars(select(Image)).one()
        assert (row.id, row.path, row.kind, row.camera, row.filter) == (
            image.id, image.path, "light", "CAMERA_VIS", "r",
        )  # fmt: skip
        assert row.start.isoformat() == "2026-11-22T06:00:00.250000+00:00"
        assert (row.exposure_time_s, row.complete) == (30.0, True)
        assert session.get_one(Night, row.night_id).name == "2026-11-21"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_frame_cut_short_is_labelled_everywhere(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    image = ImageArchive(tmp_path).save(make_frame(exposure_time=7 * u.s), context, store, complete=False)
    assert image.path.endswith("_partial.fits")
    assert image.complete is False
    header = fits.getheader(tmp_path / image.path)
    assert (header["COMPLETE"], header["EXPTIME"]) == (False, 7.0)


def test_names_sort_by_time_and_hold_no_odd_letter(tmp_path: Path, make_frame: MakeFrame) -> None:
    archive, context = ImageArchive(tmp_path), ImageContext(night="n")
    start = make_frame().start
    frames = [make_frame(start=start + hours * u.h, filter="Hα/../x") for hours in (0, 3, 30)]
    names = [archive.write(frame, context).name for frame in frames]
    assert names == sorted(names)
    assert {p.parent for p in tmp_path.rglob("*.fits")} == {tmp_path / "n" / "images"}
    assert all(set(name) <= set("0123456789TZ_CAMERVISHx.-lightfs") for name in names)


def test_the_same_moment_twice_gives_two_files(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    archive, frames = (
        ImageArchive(tmp_path),
        [make_frame(data=np.full((8, 8), n, np.uint16)) for n in range(24)],
    )
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(lambda frame: archive.save(frame, context, store), frames))
    assert len({image.path for image in images}) == 24
    assert [int(fits.getdata(tmp_path / image.path)[0, 0]) for image in images] == list(range(24))


def test_a_file_of_that_name_is_never_overwritten(tmp_path: Path, make_frame: MakeFrame, context: ImageContext) -> None:
    archive = ImageArchive(tmp_path)
    first = archive.write(make_frame(), context)
    first.write_bytes(b"somebody's own")
    assert archive.write(make_frame(), context) != first
    assert first.read_bytes() == b"somebody's own"


WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    import numpy as np
    from astropy import units as u
    from astropy.time import Time
    from instruments import Frame, FrameKind
    from pyros_kernel.images import ImageArchive, ImageContext
    data = np.random.default_rng(0).integers(0, 60000, (700, 700), dtype=np.uint16)
    frame = Frame(data, {}, Time("2026-11-22T06:00:00"), 1 * u.s, FrameKind.DARK, "none", "VIS")
    while True:
        ImageArchive(Path(sys.argv[1])).write(frame, ImageContext(night="n"))
        print("written", flush=True)
""")


@pytest.mark.parametrize("offset_bytes", [1, 2880, 100_000, 900_000])
def test_a_file_with_a_final_name_is_whole_at_every_moment_of_a_crash(tmp_path: Path, offset_bytes: int) -> None:
    """The child dies inside the kernel's write() at many offsets: its file size limit kills it there."""
    folder = tmp_path / "n" / "images"

    limited = f"""
import resource, signal
from pyros_kernel.images import archive
archive.keep = lambda *_, **__: None  # what is kept before: see test_incoming.py
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, ({offset_bytes}, {offset_bytes}))
"""
    done = subprocess.run([sys.executable, "-c", limited + WRITER, str(tmp_path)], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGXFSZ, done.stderr.decode()
    assert list(folder.glob("*.fits")) == []
    assert [p.suffix for p in folder.iterdir()] == [".part"]


def test_a_killed_writer_leaves_only_whole_files_and_parts(tmp_path: Path) -> None:
    folder = tmp_path / "n" / "images"
    for delay_writes in range(1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, start_new_session=True
        ) as child:
            assert child.stdout is not None
            for _ in range(delay_writes):
                child.stdout.readline()
            # Killed in the middle of the next file: right away, and a little later each time.
            for _ in range(delay_writes * 20_000):
                pass
            child.kill()
    names = sorted(p.name for p in folder.iterdir())
    assert all(name.endswith((".fits", ".fits.part", ".incoming")) for name in names)
    whole = list(folder.glob("*.fits"))
    assert len(whole) >= 6
    for path in whole:
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            assert hdus[0].data.shape == (700, 700)


def test_a_full_disk_says_where_and_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    """A file size limit stands for the full disk: the kernel takes a part of the write, then refuses."""
    limited = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""
    done = subprocess.run(
        [sys.executable, "-c", limited + WRITER, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    said = done.stderr.splitlines()[-1]
    assert "ArchiveError" in said
    assert str(tmp_path / "n" / "images") in said
    assert "1.0 MB" in said
    assert "raise the limit" in said
    assert list((tmp_path / "n" / "images").iterdir()) == []


def test_a_folder_that_can_not_be_made_is_named(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    (tmp_path / "2026-11-21").write_text("a file where the night's folder should be")
    with pytest.raises(ArchiveError, match=r"2026-11-21/images"):
        ImageArchive(tmp_path).save(make_frame(), context, store)
    with store.session(read_only=True) as session:
        assert session.scalars(select(Image)).all() == []


def test_an_unknown_night_still_gets_its_image(
    tmp_path: Path, make_frame: MakeFrame, context: ImageContext, store: Store
) -> None:
    image = ImageArchive(tmp_path).save(make_frame(), replace(context, night="1999-01-01"), store)
    assert image.night_id is None
    assert (tmp_path / image.path).is_file()
