"""Observe a target by the plans of a sequence: each channel takes its own, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from astropy import units as u

from pyros_kernel.recipes.asked import Asked, AskedPlan
from pyros_kernel.recipes.recipe import Recipe
from pyros_kernel.recipes.standard.frames import shot_step
from pyros_kernel.recipes.standard.observe import Focus, acquired, in_rounds
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Channel
from pyros_kernel.tasks.plan import plan_under_way

_GUIDE_S = 900.0  # a mount drifts by an arcsecond or two in that


@dataclass(frozen=True, slots=True)
class Manner:
    """How a target is observed.

    :param within_arcsec: of the target the pointing is good enough
    :param dither_arcsec: how far the telescope moves between images, east and north; 0: not at all
    """

    focus: Focus = "due"
    centre: bool = True
    guide: bool = True
    within_arcsec: float = 3.0
    dither_arcsec: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe, asked: Asked) -> Manner:
        """Read it from a sequence's parameters.

        :param recipe: whose signature they are read by
        :raises BadArgument: naming the parameter and what would do
        """
        said = recipe.read({"target": asked.target, **asked.parameters}, None)
        plain = {name: said[name] for name in ("focus", "centre", "guide") if name in said}
        lengths = {f"{n}_arcsec": float(said[n].to_value(u.arcsec)) for n in ("within", "dither") if n in said}
        return replace(cls(), **plain, **lengths)


def by_plans(steps: Steps, asked: Asked, manner: Manner, taken: int) -> dict[str, Any]:
    """Slew, focus, centre, and take the images that the plans still miss, on both channels side by side.

    Without a dither both channels wait for one another every quarter of an hour, and the pointing is corrected by the
    last VIS image; with one they do so between two images of the channel that takes fewest, where the telescope moves.

    :param taken: images that are there already
    """
    images = {channel: sum(plan.images for plan in plans) for channel, plans in asked.albums.items()}
    guide, every = manner.guide and Channel.VIS in images, 1
    if manner.dither_arcsec:
        rounds = max(1, min(images.values(), default=1))
        every = max(1, round(_GUIDE_S * rounds / asked.lasts_s)) if asked.lasts_s else 1
    else:
        rounds = max(1, round(asked.lasts_s / _GUIDE_S)) if guide else 1
    steps.expect(sum(images.values()) - taken + rounds + 2, asked.lasts_s * u.s)
    filters = {channel: plans[0].filter for channel, plans in asked.albums.items()}
    sent = acquired(steps, asked.target, filters, manner.focus, manner.within_arcsec, centre=manner.centre)

    def take(part: Steps, aimed: Target, n: int) -> list[str]:
        took = part.together(
            {
                channel.value: lambda own, plans=plans: _take_plans(own, plans, aimed, n / rounds)
                for channel, plans in asked.albums.items()
            }
        )
        # The last VIS image, which tells best where the telescope points by now, comes first.
        return [*reversed(took.pop(Channel.VIS.value, [])), *(path for paths in took.values() for path in paths)]

    guide_every = every if guide else 0
    return in_rounds(steps, asked.target, rounds, take, sent, manner.within_arcsec, guide_every, manner.dither_arcsec)


def _take_plans(steps: Steps, plans: Sequence[AskedPlan], aimed: Target, share: float) -> list[str]:
    """Take the missing images of a channel's plans one after the other, up to a share of them all."""
    left = round(share * sum(plan.images for plan in plans))
    paths: list[str] = []
    for asked in plans:
        upto = min(asked.images, left)
        left -= upto
        with plan_under_way(asked.id, steps.services, aimed.coord, upto) as plan:
            if plan is None:
                continue
            for number in plan.numbers:
                frame = shot_step(steps, f"plan {asked.id} image {number}", lambda shot=plan.shot: shot)
                paths += [frame["path"]] if frame else []
    return paths
