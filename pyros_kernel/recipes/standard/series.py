"""Follow a target in time."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u

from pyros_kernel.images import read_frame
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import Seconds
from pyros_kernel.recipes.standard.observe import filters_of, observe_once
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target


@recipe(needs=Needs.SKY)
def time_series(
    steps: Steps,
    target: Target,
    exposure: Seconds = 30 * u.s,
    count: int = 10,
    every: Seconds = 0 * u.s,
    vis_filter: str | None = "r",
    nir_filter: str | None = None,
) -> dict[str, Any]:
    """Take frames of a target one after the other, at even times if wanted.

    :param exposure: of each frame
    :param count: frames per channel
    :param every: from the start of one frame to that of the next; 0: as soon as the last one is read out.  One that
        comes too late, as after an alert, is taken at the next such moment
    :param vis_filter: none: no VIS frames
    :param nir_filter: none: no NIR frames
    """
    filters = filters_of(vis_filter, nir_filter)
    steps.require("filters", "" if filters else "name a filter of at least one channel")
    steps.require("count", "" if count >= 1 else f"count must be 1 or more, got {count}")
    every_s = float(every.to_value(u.s))
    steps.expect(count * len(filters) + 2, count * max(every_s, float(exposure.to_value(u.s)) + 8) * u.s)
    here = steps.part("", target)
    images = observe_once(here, target, exposure, filters, " 1")
    now_s = steps.clock.unix_s()
    # Times count from the first frame's own start: what went before it, as a change of filter, is not repeated.
    began_s = float(here.step("begin", lambda: _began_s(images, steps)) or now_s)
    for n in range(2, count + 1):
        if every_s:
            here.step(f"wait for frame {n}", lambda n=n: _wait_for_turn(steps, began_s, every_s, n - 1))
        images += observe_once(here, target, exposure, filters, f" {n}")
    return {"target": target.name, "images": images}


def _began_s(images: list[str], steps: Steps) -> float:
    """Give when the first of some images began, unix seconds."""
    return min(float(read_frame(steps.services.archive.root / path).start.unix) for path in images)


def _wait_for_turn(steps: Steps, began_s: float, every_s: float, turn: int) -> None:
    """Wait until so many periods have passed, or where that is long ago, for the end of the one under way."""
    passed = (steps.clock.unix_s() - began_s) / every_s
    due = turn if passed < turn + 1 else math.ceil(passed)
    left_s = began_s + due * every_s - steps.clock.unix_s()
    if left_s > 0:
        steps.sleep(left_s * u.s)
