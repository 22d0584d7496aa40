"""A first look at an image: sky, noise, stars, sharpness, and whether the camera is sane."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pyros_kernel.images.stars import find_stars, fwhm_px

SATURATION = 65535.0
_SAMPLE = 250_000  # pixels that are enough for a median


@dataclass(frozen=True, slots=True)
class QuickLook:
    """What a first look found; counts are in the image's own units.

    :param fwhm_px: median width of the stars in pixels; None if no star could be measured
    :param saturated: number of saturated pixels
    :param digest: of the pixels, to know the same frame again
    :param flags: what is wrong: ``constant``, ``black``, ``duplicate``, ``no_stars``, ``saturated``
    """

    median: float
    noise: float
    minimum: float
    maximum: float
    stars: int
    fwhm_px: float | None
    saturated: int
    digest: str
    flags: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """Give what is kept in the image's row: plain, rounded values."""
        return {
            "median": round(self.median, 2),
            "noise": round(self.noise, 3),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "stars": self.stars,
            "fwhm_px": None if self.fwhm_px is None else round(self.fwhm_px, 3),
            "saturated": self.saturated,
            "digest": self.digest,
            "flags": list(self.flags),
        }


def quick_look(
    data: NDArray[np.generic],
    *,
    expect_stars: bool = True,
    previous_digest: str = "",
    saturation: float = SATURATION,
) -> QuickLook:
    """Look at an image for the first time.

    :param data: counts, shape (rows, columns)
    :param expect_stars: False for a bias, dark or flat
    :param previous_digest: digest of the same camera's last frame
    :param saturation: count at which a pixel is full
    """
    image = np.asarray(data, np.float32)
    median, noise = sky_of(image)
    minimum, maximum = float(image.min()), float(image.max())
    saturated = int(np.count_nonzero(image >= saturation))
    digest = digest_of(data)
    count, width = 0, None
    if expect_stars:
        sky_free = image - np.float32(median)
        stars = find_stars(sky_free, noise)
        count = len(stars.rows)
        width = fwhm_px(sky_free, stars, saturation - median)
    flags = {
        "black": maximum <= 0,
        "constant": minimum == maximum,
        "duplicate": digest == previous_digest,
        "no_stars": expect_stars and count == 0,
        "saturated": saturated > 0.02 * image.size,
    }
    named = tuple(word for word, raised in flags.items() if raised)
    return QuickLook(median, noise, minimum, maximum, count, width, saturated, digest, named)


def digest_of(data: NDArray[np.generic]) -> str:
    """Give a digest of the pixels, the same for a frame from the camera and from its file."""
    plain = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))
    return hashlib.blake2b(plain.tobytes(), digest_size=12).hexdigest()


def sky_of(image: NDArray[np.floating]) -> tuple[float, float]:
    """Give the level of the sky and its noise: median, and 1.4826 times the median absolute deviation."""
    flat = image.ravel()
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    median = float(np.median(sample))
    deviation = float(np.median(np.abs(sample - median)))
    # Counts are whole numbers: a sky quieter than one count still has the noise of rounding.
    return median, max(1.4826 * deviation, 0.3)


def preview_png(data: NDArray[np.generic], size: int = 320) -> bytes:
    """Draw an image as an 8-bit grey PNG, north of the array (its last row) up.

    :param size: longer side of the picture, pixels
    """
    picture = Picture.fromarray(np.asarray(data, np.float32)[::-1])
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    resample = Picture.Resampling.BOX if scale < 1 else Picture.Resampling.NEAREST
    small = np.asarray(picture.resize((width, height), resample))
    median, noise = sky_of(small)
    low, high = median - 1.5 * noise, max(median + 12 * noise, float(np.percentile(small, 99.7)))
    # asinh shows faint stars without burning the bright ones out (Lupton et al. 2004, PASP 116, 133).
    stretched = np.arcsinh(8 * np.clip((small - low) / (high - low), 0, 1)) / np.arcsinh(8)
    content = io.BytesIO()
    Picture.fromarray(np.uint8(255 * stretched + 0.5)).save(content, "PNG")
    return content.getvalue()
