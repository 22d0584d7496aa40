"""By how much each constraint of a block holds, at its tightest, from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.target_view import TargetView

_STEP_S = 60.0
_AT_ONCE = "s"


@dataclass(frozen=True, slots=True)
class Margin:
    """What is to spare of one constraint, negative where it is broken."""

    label: str
    amount: float
    unit: str

    def __str__(self) -> str:
        """Write it as in ``altitude 12.3°``."""
        if self.unit == _AT_ONCE:
            return f"{self.label} {self.amount / 60:.0f} min"
        digits, blank = (1, "") if self.unit in ("°", "%") else (2, " ")
        return f"{self.label} {self.amount:.{digits}f}{blank}{self.unit}".rstrip()


def margins(
    block: Block, sky: Sky, start_unix_s: float, end_unix_s: float, conditions: Conditions | None = None
) -> tuple[Margin, ...]:
    """Give the margin of each constraint that a block has.

    :raises ValueError: for times outside the sky's span
    """
    times = np.linspace(start_unix_s, end_unix_s, max(2, int((end_unix_s - start_unix_s) / _STEP_S) + 1))
    view = TargetView(sky, sky.directions(block.ra_deg, block.dec_deg)[0], block.moving, conditions)
    out = [
        Margin("altitude", float(view.altitude_deg(times).min()) - block.min_altitude_deg, "°"),
        Margin("Sun", block.max_sun_altitude_deg - float(sky.sun_altitude_deg(times).max()), "°"),
    ]
    if block.min_moon_separation_deg > 0:
        nearest = float(view.moon_separation_deg(times).min())
        out.append(Margin("Moon", nearest - block.min_moon_separation_deg, "°"))
    if block.max_moon_illumination is not None and float(view.moon_altitude_deg(times).max()) > 0:
        lit = float(view.moon_illumination(times).max())
        out.append(Margin("Moon's lit part", 100 * (block.max_moon_illumination - lit), "%"))
    out += [Margin(c.label, float(c.margin(view, times).min()), c.unit) for c in block.constraints]
    held = [min(start_unix_s - a, b - end_unix_s) for a, b in block.allowed if a <= start_unix_s and end_unix_s <= b]
    if held:
        out.append(Margin("window", max(held), _AT_ONCE))
    return tuple(m for m in out if isfinite(m.amount))
