"""Whether a frame can be what the camera saw: neither constant, nor black, nor the last one again, and of its time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from astropy import units as u
from astropy.io import fits
from sqlalchemy import select
from sqlalchemy.orm import load_only

from instruments import Frame, InstrumentError
from pyros_kernel.images.archive import ImageArchive
from pyros_kernel.images.quicklook import digest_of
from pyros_kernel.store import Image, Store

_TOLERANCE_S = 5.0  # two computers' clocks under NTP agree to far better …
_TOLERANCE_REAL_S = 1.5  # … and an accelerated clock can't be read to better on a busy machine


class BadFrame(InstrumentError):
    """A frame that can't be what the camera saw; it is kept, and flagged.

    :param image_id: its row
    :param flag: ``constant``, ``black``, ``duplicate``, ``same_time`` or ``wrong_time``
    """

    def __init__(self, frame: Frame, image: Image, flag: str, what: str) -> None:
        super().__init__(frame.camera, "expose", f"bad frame ({flag}): {what}; it is kept as {image.path}")
        self.image_id, self.flag = image.id, flag


class Times(Protocol):
    """What the check needs of a clock."""

    @property
    def speed(self) -> float:
        """Observatory seconds per real second."""
        ...


def check_frame(
    frame: Frame, image: Image, asked_s: float, had_s: float, *, clock: Times, store: Store, archive: ImageArchive
) -> None:
    """Refuse a frame that can't be what the camera saw.

    :param image: its row
    :param asked_s: when it was asked for, unix seconds; ``had_s`` when it was there
    :raises BadFrame: with the flag's name
    """
    lowest, highest = int(np.min(frame.data)), int(np.max(frame.data))
    if highest <= 0:
        raise BadFrame(frame, image, "black", "every pixel is 0")
    if lowest == highest:
        raise BadFrame(frame, image, "constant", f"every pixel is {lowest}")
    start_s, length_s = float(frame.start.utc.unix), float(frame.exposure_time.to_value(u.s))
    slack_s = max(_TOLERANCE_S, _TOLERANCE_REAL_S * clock.speed if clock.speed > 1 else 0.0)
    if not asked_s - slack_s <= start_s <= had_s - length_s + slack_s:
        off = f"its start lies {abs(start_s - asked_s):.0f} s {'before' if start_s < asked_s else 'after'} its order"
        raise BadFrame(frame, image, "wrong_time", off)
    _compare(frame, image, store, archive)


def _compare(frame: Frame, image: Image, store: Store, archive: ImageArchive) -> None:
    before_it = (
        select(Image)
        .where(Image.camera == frame.camera, Image.id < image.id, Image.night_id == image.night_id)
        .options(load_only(Image.path, Image.start, Image.quicklook))
        .order_by(Image.id.desc())
        .limit(1)
    )
    with store.session(read_only=True) as session:
        before = session.scalar(before_it)
    if before is None:
        return
    if before.start == image.start:
        raise BadFrame(frame, image, "same_time", f"it began when {before.path} did: the camera's time stands still")
    try:
        digest = str(before.quicklook.get("digest") or "") or _digest(archive.root / before.path)
    except OSError:
        return  # somebody took the last image away: nothing to compare with
    if digest == digest_of(frame.data):
        raise BadFrame(frame, image, "duplicate", f"its pixels are those of {before.path}")


def _digest(path: Path) -> str:
    with fits.open(path, memmap=False) as hdus:
        return digest_of(hdus[0].data)
