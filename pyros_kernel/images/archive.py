"""The images on disk: written whole or not at all, never over another, each with its row in the store."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from astropy import units as u
from astropy.io import fits
from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images.context import ImageContext
from pyros_kernel.images.header import build_header
from pyros_kernel.images.incoming import keep, let_go, take_up
from pyros_kernel.store import Store
from pyros_kernel.store.models import Image, Night

logger = logging.getLogger(__name__)

PART = ".part"


class ArchiveError(Exception):
    """An image could not be written; says where, why, and what to do."""


class ImageArchive:
    """Keep images under ``<root>/<night>/images``.

    :param root: the data directory
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, frame: Frame, context: ImageContext, store: Store, *, complete: bool = True) -> Image:
        """Write a frame to disk, then commit its row.

        The file gets its name only when all of it is on disk, so a file with a final name is always whole.

        :param complete: False for an exposure that was cut short: labelled in name, header and row
        :return: the row, detached from its session
        :raises ArchiveError: if the disk does not take it
        """
        return self.add(frame, context, store, self.write(frame, context, complete=complete), complete=complete)

    def add(self, frame: Frame, context: ImageContext, store: Store, path: Path, *, complete: bool = True) -> Image:
        """Commit the row of a frame that is on disk already; see :meth:`save`."""
        image = Image(
            path=path.relative_to(self.root).as_posix(),
            kind=str(frame.kind),
            camera=frame.camera,
            filter=frame.filter,
            exposure_time_s=float(frame.exposure_time.to_value(u.s)),
            start=datetime.fromtimestamp(float(frame.start.utc.unix), UTC),
            complete=complete,
            plan_id=context.plan_id,
            step=context.step or None,
        )
        return add_row(store, image, context.night)

    def write(self, frame: Frame, context: ImageContext, *, complete: bool = True) -> Path:
        """Write a frame to disk without a row, and give its path; see :meth:`save`."""
        folder, stem = self.folder(context.night), _stem(frame, context, complete)
        kept = keep(folder, stem, frame, context, complete=complete)
        try:
            return self._write(folder, stem, frame, context, complete)
        except ArchiveError:
            if kept is None:
                raise
        finally:
            let_go(kept)
        return self._write(folder, stem, frame, context, complete)  # what was kept may have taken the last room

    def take_up(self, night: str) -> list[Path]:
        """Write the images of frames that a crash left as they came; see :mod:`pyros_kernel.images.incoming`.

        :raises ArchiveError: if the disk does not take one
        """
        folder = self.folder(night)

        def write(frame: Frame, context: ImageContext, complete: bool) -> Path:
            return self._write(folder, _stem(frame, context, complete), frame, context, complete)

        return take_up(folder, write)

    def _write(self, folder: Path, stem: str, frame: Frame, context: ImageContext, complete: bool) -> Path:
        return write_fits(folder, stem, fits.PrimaryHDU(frame.data, build_header(frame, context, complete=complete)))

    def folder(self, night: str) -> Path:
        """Give the folder of a night's images."""
        return self.root / night / "images"


def add_row(store: Store, image: Image, night: str) -> Image:
    """Commit an image's row, once, and give it detached from its session."""
    with store.session() as session:
        known = session.scalar(select(Image).where(Image.path == image.path))
        if known is not None:  # its commit succeeded before, and the answer was lost
            return known
        image.night_id = session.scalar(select(Night.id).where(Night.name == night))
        session.add(image)
    return image


def write_fits(folder: Path, stem: str, hdu: fits.PrimaryHDU) -> Path:
    """Write one HDU as ``<folder>/<stem>.fits``, or under the next free name.

    :raises ArchiveError: if the disk does not take it; nothing is left under the final name
    """
    content = io.BytesIO()
    hdu.writeto(content, output_verify="exception", checksum=True)
    part = folder / f"{stem}.fits{PART}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file, part, path = _reserve(folder, stem)
        with file:
            try:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
                part.rename(path)
            except OSError:
                with suppress(OSError):
                    part.unlink()
                raise
        sync_folder(folder)
    except OSError as error:
        raise ArchiveError(_explain(error, part, content.getbuffer().nbytes)) from error
    return path


def _reserve(folder: Path, stem: str) -> tuple[IO[bytes], Path, Path]:
    """Open a temporary file whose final name is free; whoever holds the one holds the other."""
    number = 1
    while True:
        path = folder / (f"{stem}.fits" if number == 1 else f"{stem}-{number}.fits")
        part = path.with_name(path.name + PART)
        number += 1
        try:
            file = part.open("xb")
        except FileExistsError:
            continue
        # The lock tells the sweep after a crash that this one is still being written.
        fcntl.flock(file, fcntl.LOCK_EX)
        # Looked at only now: whoever held the temporary name before may just have given it its final one.
        if not path.exists():
            return file, part, path
        part.unlink()
        file.close()


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk, so that a rename outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stem(frame: Frame, context: ImageContext, complete: bool) -> str:
    frame.start.precision = 3
    when = str(frame.start.utc.isot).replace("-", "").replace(":", "")
    words = [when + "Z", frame.camera or "camera", frame.filter or "none", str(frame.kind)]
    if context.sequence_id is not None:
        words.append(f"s{context.sequence_id:06d}")
    if not complete:
        words.append("partial")
    return "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", word) for word in words)


def _explain(error: OSError, part: Path, size: int) -> str:
    what = {
        errno.ENOSPC: "the disk is full: free some space, or point PYROS_DATA at another disk",
        errno.EDQUOT: "the disk quota is used up: free some space, or point PYROS_DATA at another disk",
        errno.EFBIG: "the file is larger than this process may write: raise the limit (ulimit -f)",
        errno.EACCES: "permission denied: let the user who runs PyROS write there (chown, chmod u+w)",
        errno.EROFS: "the disk is read-only: look at dmesg, remount it, or point PYROS_DATA elsewhere",
    }.get(error.errno or 0, f"{error.strerror or error}: look at the disk (df, dmesg)")
    return f"an image of {size / 1e6:.1f} MB could not be written to {part.with_suffix('')}: {what}"
