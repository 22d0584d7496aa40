"""The quick-looks that a crash left undone, made up for when the observatory starts again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from sqlalchemy import select

from pyros_kernel.services import Services
from pyros_kernel.store import Image
from pyros_kernel.tasks.exposing import analyse_or_log

logger = logging.getLogger(__name__)

_END_REAL_S = 10.0  # one quick-look, on a busy machine


@contextmanager
def arrears_made_up(services: Services) -> Generator[None]:
    """Analyse the night's images of plans that have no quick-look, in a thread that ends with the block.

    Its images are chosen at once, before the night takes others and analyses them itself.
    """
    with services.store.session(read_only=True) as session:
        asked_for = select(Image).where(Image.night_id == services.night_id, Image.plan_id.is_not(None))
        ids = [image.id for image in session.scalars(asked_for.order_by(Image.id)) if not image.quicklook]
    if not ids:
        yield
        return
    logger.info("%d images that a crash left without a quick-look get theirs", len(ids))
    ending = threading.Event()
    thread = threading.Thread(target=_make_up, args=(ids, services, ending), name="pyros-arrears", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_END_REAL_S)


def _make_up(ids: Sequence[int], services: Services, ending: threading.Event) -> None:
    for image_id in ids:
        if ending.is_set():
            return
        analyse_or_log(image_id, services)
