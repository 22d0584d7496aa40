"""Analyse an image: its quick-look into the store, its thumbnail beside it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

from astropy.io import fits
from sqlalchemy import select

from instruments import FrameKind
from pyros_kernel.images.quicklook import preview_png, quick_look
from pyros_kernel.store import Image, Store

logger = logging.getLogger(__name__)


class Where(Protocol):
    """Where an observatory keeps its things."""

    @property
    def data(self) -> Path:
        """The data directory."""
        ...


class AnalysisServices(Protocol):
    """What an analysis needs of the observatory."""

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def settings(self) -> Where:
        """Where things are."""
        ...


def analyse_image(image_id: int, *, services: AnalysisServices, known: tuple[str, ...] = ()) -> dict[str, Any]:
    """Look at an image for the first time, and keep what is found.

    :param known: flags that somebody else raised already

    :return: the figures, as in the image's row: median, noise, stars, fwhm_px, flags …
    :raises OSError: if the file can't be read
    """
    with services.store.session(read_only=True) as session:
        image = session.get_one(Image, image_id)
        before = session.scalar(
            select(Image).where(Image.camera == image.camera, Image.id < image_id).order_by(Image.id.desc()).limit(1)
        )
        previous_digest = "" if before is None else str(before.quicklook.get("digest", ""))
        same_start = before is not None and before.start == image.start
        kind, path = image.kind, services.settings.data / image.path
    with fits.open(path, memmap=False) as hdus:
        data = hdus[0].data
    found = quick_look(data, expect_stars=kind == FrameKind.LIGHT, previous_digest=previous_digest)
    figures = found.figures()
    if same_start:
        figures["flags"] = [*found.flags, "same_time"]
    figures["flags"] += [flag for flag in known if flag not in figures["flags"]]
    _write_whole(path.with_suffix(".png"), preview_png(data))
    with services.store.session() as session:
        session.get_one(Image, image_id).quicklook = figures
    if figures["flags"]:
        logger.warning("image %s: %s", path.name, ", ".join(figures["flags"]))
    return figures


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks at its name sees all of it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
