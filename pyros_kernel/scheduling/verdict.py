"""Whether one block can be observed at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.words import utc

_TOLERANCE_DEG = 1e-4  # what the sky itself may be wrong by


@dataclass(frozen=True, slots=True)
class Observable:
    """The answer; ``reason`` names the first constraint that fails, or the altitude when all hold."""

    ok: bool
    reason: str


def observable(block: Block, sky: Sky, at_unix_s: float) -> Observable:
    """Tell whether a block's constraints hold at one moment, and if not which one fails and by how much.

    :raises ValueError: for a moment outside the sky's span
    """
    direction = sky.directions(block.ra_deg, block.dec_deg)
    altitude = float(sky.altitudes_deg(direction, at_unix_s)[0])
    if altitude < block.min_altitude_deg - _TOLERANCE_DEG:
        return Observable(False, f"altitude {altitude:.1f}°, needs {block.min_altitude_deg:.1f}°")
    sun = sky.sun_altitude_deg(at_unix_s)
    if sun > block.max_sun_altitude_deg + _TOLERANCE_DEG:
        return Observable(False, f"Sun at {sun:.1f}°, must be below {block.max_sun_altitude_deg:.1f}°")
    cosine = float(direction[0] @ sky.moon_direction(at_unix_s))
    separation = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    if separation < block.min_moon_separation_deg - _TOLERANCE_DEG:
        return Observable(False, f"Moon {separation:.1f}° away, needs {block.min_moon_separation_deg:.1f}°")
    limit, lit = block.max_moon_illumination, float(sky.moon_illumination(at_unix_s))
    if limit is not None and lit > limit and float(sky.moon_altitude_deg(at_unix_s)) > _TOLERANCE_DEG:
        return Observable(False, f"Moon is up and lit {100 * lit:.0f} %, allowed {100 * limit:.0f} %")
    if block.window is not None and not block.window[0] <= at_unix_s <= block.window[1]:
        a, b = block.window
        return Observable(False, f"outside its window {utc(a, True)} to {utc(b, True)} UTC")
    return Observable(True, f"altitude {altitude:.1f}°")
