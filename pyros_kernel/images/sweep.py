"""After a crash: bring what lies in a night's image folder and what the store knows back together."""

from __future__ import annotations

import fcntl
import io
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from astropy.io import fits
from sqlalchemy import select

from pyros_kernel.images.archive import PART, ArchiveError, ImageArchive, add_row, sync_folder
from pyros_kernel.store import Image, Plan, Store

logger = logging.getLogger(__name__)

BROKEN = ".broken"

_BLOCK = 2880
_ALL_ONES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found.

    :param recovered: rows of whole images that the store did not know
    :param broken: files that hold a part of an image, renamed to ``*.broken``
    """

    recovered: tuple[Image, ...]
    broken: tuple[Path, ...]


def sweep(archive: ImageArchive, night: str, store: Store) -> Swept:
    """Give whole leftovers their name and their row, and set half ones aside; what is being written is left alone."""
    folder = archive.folder(night)
    if not folder.is_dir():
        return Swept((), ())
    broken = [left for part in sorted(folder.glob(f"*.fits{PART}")) if (left := _settle(part)) is not None]
    try:
        archive.take_up(night)
    except ArchiveError as error:
        logger.error("a frame that a crash left as it came waits for the next start: %s", error)
    sync_folder(folder)
    paths = {path.relative_to(archive.root).as_posix(): path for path in sorted(folder.glob("*.fits"))}
    with store.session(read_only=True) as session:
        known = set(session.scalars(select(Image.path).where(Image.path.in_(paths))))
        plans = set(session.scalars(select(Plan.id)))
    recovered: list[Image] = []
    for name, path in paths.items():
        header = None if name in known else _whole_header(path)
        if header is not None:
            recovered.append(add_row(store, _row(name, header, plans), night))
            logger.warning("image %s was left by a crash: it is whole, and in the store now", name)
    return Swept(tuple(recovered), tuple(broken))


def _settle(part: Path) -> Path | None:
    """Finish what a crash left; give the file that was set aside, if it is only half an image."""
    with part.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None  # somebody is writing it
        path = part.with_suffix("")
        whole = _whole_header(part) is not None
        if whole and not path.exists():
            part.rename(path)
            return None
        aside = part.with_suffix(BROKEN)
        part.rename(aside)
        logger.warning("image %s was left half written by a crash: set aside as %s", path.name, aside.name)
        return aside


def _whole_header(path: Path) -> fits.Header | None:
    """Give the header of a file that is whole: as long as its header says, and with the right checksum."""
    content = path.read_bytes()
    if not content or len(content) % _BLOCK:
        return None
    try:
        header = fits.Header.fromfile(io.BytesIO(content))
        pixels = int(header["NAXIS1"]) * int(header["NAXIS2"])
        data_bytes = pixels * abs(int(header["BITPIX"])) // 8
    except (OSError, KeyError, TypeError, ValueError) as error:
        logger.info("%s is no image: %s", path.name, error)
        return None
    length = len(header.tostring()) + -(-data_bytes // _BLOCK) * _BLOCK
    return header if len(content) == length and _checksum_holds(content) else None


def _checksum_holds(content: bytes) -> bool:
    """Tell whether an HDU's 32-bit ones' complement sum is all ones (FITS standard 4.0, appendix J)."""
    total = int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total == _ALL_ONES


def _row(name: str, header: fits.Header, plans: set[int]) -> Image:
    start = datetime.fromisoformat(str(header["DATE-OBS"])).replace(tzinfo=UTC)
    plan_id = header.get("PLANID")
    return Image(
        path=name,
        kind=str(header["IMAGETYP"]).lower(),
        camera=str(header.get("INSTRUME", "")),
        filter=str(header.get("FILTER", "")),
        exposure_time_s=float(header["EXPTIME"]),
        start=start,
        complete=bool(header["COMPLETE"]),
        plan_id=plan_id if plan_id in plans else None,
        step=header.get("STEP"),
    )
