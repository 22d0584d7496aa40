"""The frame of a step that a crash cut off: it may have been kept before the step was written down as done."""

from __future__ import annotations

import logging

from sqlalchemy import select

from instruments import Frame
from pyros_kernel.images import read_frame
from pyros_kernel.services import Services
from pyros_kernel.store import Image

logger = logging.getLogger(__name__)


def key_of(run_id: int, step: str) -> str:
    """Name a step of a run, as its frame's header and row do; in ASCII, as a FITS header holds nothing else."""
    return f"{run_id} {step}".encode("ascii", "backslashreplace").decode("ascii")


def frame_left_by(key: str, services: Services) -> tuple[Frame, Image] | None:
    """Give the whole frame that a step took before a crash; None if there is none."""
    its = Image.step == key, Image.complete
    with services.store.session(read_only=True) as session:
        image = session.scalar(select(Image).where(*its).order_by(Image.id.desc()).limit(1))
    if image is None:
        return None
    try:
        frame = read_frame(services.archive.root / image.path)
    except OSError as error:
        logger.warning("%s, of step %s, can't be read and is taken again: %s", image.path, key, error)
        return None
    logger.info("step %s was cut off by a crash after its frame was kept: %s is not taken again", key, image.path)
    return frame, image
