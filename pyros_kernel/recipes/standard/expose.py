"""One frame by hand, where the telescope happens to point."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from instruments import FrameKind
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import Seconds, cameras_for, frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.store import Channel, Night, NightStatus


@recipe(needs=Needs.NOTHING)
def expose(
    steps: Steps,
    exposure: Seconds = 10 * u.s,
    channel: Channel = Channel.VIS,
    filter: str | None = None,
    kind: FrameKind = FrameKind.LIGHT,
) -> dict[str, Any]:
    """Take one frame, wherever the telescope points; not while the night observes.

    :param filter: as it is if left out
    :param kind: light, bias, dark or flat
    """
    with steps.services.store.session(read_only=True) as session:
        status = session.get_one(Night, steps.services.night_id).status
    busy = status in (NightStatus.OBSERVING, NightStatus.OPENING, NightStatus.CALIBRATING)
    steps.require("night", f"the night is {status}: pause it first (obs.pause(), %pyros pause)" if busy else "")
    steps.expect(1, exposure)
    for camera in cameras_for(steps, [channel]).values():
        return frame_step(steps, "frame", camera, exposure, kind, None, filter)
    return {}
