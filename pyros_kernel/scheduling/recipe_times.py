"""What a sequence's recipe takes beside exposing and reading out: the way between fields, the wait for its pace."""

from __future__ import annotations

import astropy.units as u

from pyros_kernel.scheduling.block import Transition
from pyros_kernel.store import Sequence

_FIELD_DEG = 0.5  # from one field to the next, at most
_ACROSS_THE_SKY_DEG = 60.0  # from one place of a pointing run to the next


def between_images_s(sequence: Sequence, image_s: float, transition: Transition) -> float:
    """Estimate what passes between two images of a sequence besides themselves, in seconds.

    A recipe of one's own passes for one that does nothing between its images.

    :param image_s: exposure and read-out
    """
    match sequence.recipe:
        case "mosaic" | "follow_alert":
            return _move_s(_FIELD_DEG, transition)
        case "pointing_run":
            return _move_s(_ACROSS_THE_SKY_DEG, transition)
        case "observe":
            return transition.settle_s if sequence.parameters.get("dither") else 0.0
        case "time_series":
            return max(0.0, _seconds(sequence.parameters.get("every")) - image_s)
        case _:
            return 0.0


def _move_s(by_deg: float, transition: Transition) -> float:
    rate_deg_s = transition.slew_rate_deg_s
    return transition.settle_s + (by_deg / rate_deg_s if rate_deg_s else 0.0)


def _seconds(text: object) -> float:
    try:
        return float(u.Quantity(text or 0 * u.s).to_value(u.s))
    except (TypeError, ValueError, u.UnitsError):
        return 0.0  # who observes it says what is wrong
