"""What the standard recipes share: their units, their cameras, and one frame as a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np
from astropy import units as u

from instruments import Camera, Frame, FrameKind
from pyros_kernel.images import ImageContext, Place
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.services import Services
from pyros_kernel.store import Channel, Image
from pyros_kernel.tasks.exposing import Shot
from pyros_kernel.tasks.looking import geometry_of

Seconds: TypeAlias = Annotated[u.Quantity, u.s]
Degrees: TypeAlias = Annotated[u.Quantity, u.deg]
Arcseconds: TypeAlias = Annotated[u.Quantity, u.arcsec]


def cameras_for(steps: Steps, channels: Sequence[Channel]) -> dict[Channel, Camera]:
    """Give the cameras of some channels; one that is missing is noted, and the rest goes on.

    :raises Refused: if none is there
    """
    there = steps.services.devices.cameras
    for channel in channels:
        if channel not in there:
            steps.say(f"{channel}: no camera, left out")
    found = {channel: there[channel] for channel in channels if channel in there}
    steps.require("cameras", "" if found else "none of its cameras can be used now: see obs.panel()")
    return found


def frame_step(
    steps: Steps,
    name: str,
    camera: Camera,
    exposure: u.Quantity,
    kind: FrameKind,
    target: Target | None = None,
    filter_name: str | None = None,
    *,
    analysed: bool = True,
) -> dict[str, Any]:
    """Take one frame, as a step.

    :param filter_name: brought into the beam before, in the same step: a resumed run can't know which one is there
    :param analysed: whether it gets a quick-look; what is used at once and not looked at again needs none
    :return: ``path`` under the data directory, ``image`` (its id), ``level`` (median counts), ``at_s`` (unix
        seconds of its middle)
    """

    return shot_step(
        steps,
        name,
        lambda: Shot(camera, exposure, kind, context_of(camera, steps.services, target), filter_name, analysed),
    )


def shot_step(steps: Steps, name: str, shot: Callable[[], Shot]) -> dict[str, Any]:
    """Take a frame, as a step; see :func:`frame_step`.

    :param shot: says what to take
    """
    return steps.step(name, lambda: taken(*steps.take(shot(), name)))


def taken(frame: Frame, image: Image) -> dict[str, Any]:
    """Tell of a frame what a step keeps; see :func:`frame_step`."""
    middle_s = float(frame.start.unix) + float(frame.exposure_time.to_value(u.s)) / 2
    return {"path": image.path, "image": image.id, "level": level_of(frame), "at_s": middle_s}


def context_of(camera: Camera, services: Services, target: Target | None) -> ImageContext:
    """Say what an image of a recipe is of, for its header."""
    settings = services.devices.row_of(camera).settings
    return ImageContext(
        night=services.night_name,
        place=Place.of(services.site),
        pointing=target.coord if target else None,
        geometry=geometry_of(camera, services.devices) if target else None,
        telescope=services.devices.telescope.name if target else "",
        detector=str(settings.get("detector", "")),
        object_name=target.name if target else "",
    )


def level_of(frame: Frame) -> float:
    """Give the median count of a frame, of a sample that is large enough for it."""
    return float(np.median(frame.data.ravel()[::7]))
