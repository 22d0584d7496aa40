"""The header of an image: the standard cards, and what the camera said itself.

A frame that left the camera is written whatever happens here: a value that is unknown or can't be written is
left out, and its keyword listed in the card ``HDRMISS``.
"""

from __future__ import annotations

import logging
import math
import re
import unicodedata

import numpy as np
from astropy.io import fits

from instruments import Frame
from pyros_kernel.images.cards import card_groups
from pyros_kernel.images.context import ImageContext
from pyros_kernel.images.nominal_wcs import Entry

logger = logging.getLogger(__name__)

# Describe the array itself: astropy writes them, and no camera may say otherwise.
_STRUCTURE = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|BZERO|BSCALE|BLANK|CHECKSUM|DATASUM|END|HDRMISS|CONTINUE"
)
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_ROOM = 80 - len("KEYWORD = '' / ")


def build_header(frame: Frame, context: ImageContext, *, complete: bool = True) -> fits.Header:
    """Make the header of ``frame``.

    :param complete: False for an exposure that was cut short
    """
    header = fits.Header()
    missing: list[str] = []
    for keys, make in card_groups(frame, context, complete):
        try:
            entries = dict((entry[0], entry) for entry in make())
        except Exception:  # the frame on disk counts for more than any card in its header
            logger.exception("%s: header cards %s could not be worked out", frame.camera, " ".join(keys))
            entries = {}
        missing += [key for key in keys if not _set(header, entries.get(key, (key, None, "")))]
        for key, entry in entries.items():
            if key not in keys:
                _set(header, entry)
    _add_camera_cards(header, frame)
    # What the camera itself said fills a gap of ours.
    missing = [key for key in missing if key not in header]
    if missing:
        header["HDRMISS"] = ",".join(missing)
    return header


def _set(header: fits.Header, entry: Entry) -> bool:
    """Write one card, and tell whether it could be done."""
    keyword, raw, comment = entry
    value = _plain(raw)
    if value is None:
        return False
    if isinstance(value, str):
        # A comment that does not fit is cut (the warning of astropy about it would be an error).
        comment = comment[: max(0, _ROOM - len(value.replace("'", "''")))]
    try:
        card = fits.Card(keyword, value, _ascii(comment))
        card.verify("exception")
    except (ValueError, fits.VerifyError, fits.verify.VerifyWarning):
        logger.warning("header card %s = %r can't be written", keyword, raw)
        return False
    header.append(card, end=True)
    return True


def _plain(value: object) -> bool | int | float | str | None:
    """Bring a value to what a card can hold; None if it has nothing to say."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _ascii(value) if isinstance(value, str) else None


def _ascii(text: str) -> str:
    """Bring text to the printable ASCII that a header may hold."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode("ascii")
    # A letter with an accent comes apart into the letter and a mark, which is now a question mark.
    marks = [unicodedata.combining(c) != 0 for c in unicodedata.normalize("NFKD", text)]
    kept = "".join(c for c, mark in zip(plain, marks, strict=True) if not mark)
    return "".join(c if c.isprintable() else " " for c in kept)


def _add_camera_cards(header: fits.Header, frame: Frame) -> None:
    for name, said in frame.header.items():
        keyword = _ascii(str(name)).upper().strip()
        value, comment = said if isinstance(said, tuple) and len(said) == 2 else (said, "")
        if not keyword or _STRUCTURE.fullmatch(keyword):
            continue
        if keyword in ("COMMENT", "HISTORY"):
            header.add_comment(_ascii(str(value))) if keyword == "COMMENT" else header.add_history(_ascii(str(value)))
        elif keyword in header:
            continue
        elif not (_KEYWORD.fullmatch(keyword) and _set(header, (keyword, value, str(comment)))):
            # Not a card of the standard, but the camera's word is kept.
            header.add_comment(f"{keyword} = {_ascii(repr(value))}")
