"""What a detector and its optics add to every frame in the same way: flat field, dark and bias patterns."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.detector import CameraSettings

Image = NDArray[np.float32]

_HOT_PART = 2e-4
_DUST = 6


class Pattern(NamedTuple):
    """Of a detector, shape (height, width) each.

    :param flat: response to even light, mean 1
    :param dark: dark current, relative to the mean
    :param bias_e: bias pattern in electrons, mean 0
    """

    flat: Image
    dark: Image
    bias_e: Image


@lru_cache(maxsize=4)
def pattern(camera: CameraSettings, seed: int) -> Pattern:
    """Make the pattern of one detector.

    :param seed: of this detector
    """
    dice = np.random.Generator(np.random.PCG64([seed, 2]))
    height, width = camera.height, camera.width
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    flat = 1 - np.float32(0.04) * (x * x + y * y)
    flat *= 1 + np.float32(camera.pixel_response) * dice.standard_normal((height, width), dtype=np.float32)
    for dust_x, dust_y, size, depth in dice.uniform((-1, -1, 0.02, 0.01), (1, 1, 0.06, 0.05), (_DUST, 4)):
        # Dust on the window is out of focus: a ring, a little darker.
        r2 = ((x - np.float32(dust_x)) ** 2 + (y - np.float32(dust_y)) ** 2) / np.float32(size**2)
        flat *= 1 - np.float32(depth) * np.exp(-((r2 - 1) ** 2) * 4)
    flat /= flat.mean()
    dark = (1 + np.float32(0.1) * dice.standard_normal((height, width), dtype=np.float32)).clip(0)
    hot = dice.random((height, width), dtype=np.float32) < _HOT_PART
    dark[hot] *= dice.uniform(50, 400, int(hot.sum())).astype(np.float32)
    columns = dice.standard_normal(width, dtype=np.float32)
    bias_e = np.broadcast_to(np.float32(camera.bias_pattern_e) * (columns - columns.mean()), (height, width))
    return Pattern(flat, dark, np.ascontiguousarray(bias_e))
