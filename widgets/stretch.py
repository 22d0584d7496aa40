"""Frames for the eye: a stretch to 8 bits, and how the counts are distributed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image as Picture

Floats = NDArray[np.float64]

_SIZE = 420
_BINS = 96

STRETCHES: dict[str, Callable[[Floats], Floats]] = {
    # Lupton et al. 2004, PASP 116, 133: faint stars show, bright ones do not burn out.
    "asinh": lambda x: np.arcsinh(12 * x) / np.arcsinh(12),
    "linear": lambda x: x,
    "square root": np.sqrt,
    "logarithm": lambda x: np.log1p(1000 * x) / np.log(1001),
    "negative": lambda x: 1 - np.arcsinh(12 * x) / np.arcsinh(12),
}


def stretched_png(data: NDArray[np.generic], how: str) -> bytes:
    """Draw a frame as an 8-bit grey PNG, its last row up.

    :param data: counts, shape (rows, columns)
    :param how: a name of :data:`STRETCHES`
    """
    picture = Picture.fromarray(np.asarray(data, np.float32)[::-1])
    scale = min(1.0, _SIZE / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    counts = np.asarray(picture.resize(size, Picture.Resampling.BOX), np.float64)
    low, high = limits(counts)
    shown = STRETCHES[how](np.clip((counts - low) / (high - low), 0.0, 1.0))
    content = io.BytesIO()
    Picture.fromarray(np.uint8(255 * shown + 0.5)).save(content, "PNG", compress_level=1)
    return content.getvalue()


def limits(counts: ArrayLike) -> tuple[float, float]:
    """Give the counts that are black and white: a little below the sky, and what 0.3 % of the pixels exceed."""
    low, middle, high = (float(x) for x in np.percentile(np.asarray(counts, np.float64), (1.0, 50.0, 99.7)))
    return low, max(high, middle + 3 * (middle - low), low + 1.0)


def histogram(data: NDArray[np.generic]) -> tuple[Floats, float, float]:
    """Count pixels by their counts.

    :return: logarithm of the number in each bin, from 0 to 1, and the counts where the first bin begins and the
        last ends; what lies beyond is in these two
    """
    counts = np.asarray(data, np.float64).ravel()
    low, high = limits(counts)
    numbers, _ = np.histogram(np.clip(counts, low, high), bins=_BINS, range=(low, high))
    heights = np.log1p(numbers)
    return heights / max(float(heights.max()), 1e-9), low, high
