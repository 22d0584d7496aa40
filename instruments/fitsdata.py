"""Images as drivers send them, read from FITS."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray


def read_fits(payload: bytes) -> tuple[NDArray[np.uint16], dict[str, object]]:
    """Read the first image of a FITS file, plain or compressed by tiles.

    :return: counts, shape (rows, columns), and the cards that are not structural (keyword → (value, comment))
    :raises OSError: or ValueError, if it is no such file
    """
    with fits.open(io.BytesIO(payload), memmap=False, lazy_load_hdus=False) as hdus:
        images: list[Any] = [hdu for hdu in hdus if getattr(hdu, "data", None) is not None]
        if not images:
            raise ValueError("it holds no image")
        hdu: Any = images[0]
        data = np.asarray(hdu.data)
        if data.ndim != 2:
            raise ValueError(f"it has {data.ndim} axes, not 2")
        if data.min() < 0 or data.max() > 65535:
            raise ValueError(f"its counts, {data.min()} to {data.max()}, are more than 16 bits hold")
        # Who writes the frame again makes its structural cards (SIMPLE, NAXIS …) anew.
        header = hdu.header.copy()
        header.strip()
        cards: dict[str, object] = {str(c.keyword): (c.value, str(c.comment)) for c in header.cards if c.keyword}
    return np.ascontiguousarray(data, dtype=np.uint16), cards
