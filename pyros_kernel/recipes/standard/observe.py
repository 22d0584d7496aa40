"""Observe a target: slew, then expose on both channels side by side, moving a little between the frames."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from instruments import FrameKind
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import recipe
from pyros_kernel.recipes.standard.frames import Arcseconds, Seconds, cameras_for, frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Channel

# Around a square and its centre, so that a bad pixel never falls on the same star twice in five frames.
_DITHER = ((0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1))
_SLEW_S, _OVERHEAD_S = 30.0, 8.0


@recipe(needs=Needs.SKY)
def observe(
    steps: Steps,
    target: Target,
    exposure: Seconds = 30 * u.s,
    count: int = 1,
    vis_filter: str | None = "r",
    nir_filter: str | None = "J",
    dither: Arcseconds = 0 * u.arcsec,
) -> dict[str, Any]:
    """Slew to a target, turn the dome, and expose VIS and NIR side by side.

    The pointing is as good as the mount's: nothing is solved on stars, and nothing is guided.

    :param target: a name, or coordinates
    :param exposure: of each frame
    :param count: frames per channel
    :param vis_filter: none: no VIS frames
    :param nir_filter: none: no NIR frames
    :param dither: how far the telescope moves between frames, east and north; 0: not at all
    """
    frames = _expose(steps, target, exposure, count, vis_filter, nir_filter, float(dither.to_value(u.arcsec)))
    return {"target": target.name, "images": frames}


def observe_once(
    steps: Steps, target: Target, exposure: u.Quantity, filters: dict[Channel, str], name: str
) -> list[str]:
    """Take one frame per channel of where this part points; the parts' names end with ``name``.

    :return: the images' paths under the data directory
    """
    cameras = cameras_for(steps, list(filters))

    def expose(channel: Channel, part: Steps) -> str | None:
        camera = cameras[channel]
        frame = frame_step(part, f"frame{name}", camera, exposure, FrameKind.LIGHT, target, filters[channel])
        return str(frame["path"]) if frame else None

    taken = steps.together({channel.value: lambda part, c=channel: expose(c, part) for channel in cameras})
    return [path for path in taken.values() if path]


def filters_of(vis_filter: str | None, nir_filter: str | None) -> dict[Channel, str]:
    """Give the filter of each channel that is wanted."""
    wanted = {Channel.VIS: vis_filter, Channel.NIR: nir_filter}
    return {channel: name for channel, name in wanted.items() if name}


def _expose(
    steps: Steps,
    target: Target,
    exposure: u.Quantity,
    count: int,
    vis_filter: str | None,
    nir_filter: str | None,
    dither_arcsec: float,
) -> list[str]:
    steps.require("count", "" if count >= 1 else f"count must be 1 or more, got {count}")
    filters = filters_of(vis_filter, nir_filter)
    steps.require("filters", "" if filters else "name a filter of at least one channel")
    each = len(filters) + (1 if dither_arcsec else 0)
    steps.expect(count * each + 1, (_SLEW_S + count * (float(exposure.to_value(u.s)) + _OVERHEAD_S)) * u.s)
    images: list[str] = []
    for n in range(1, count + 1):
        east, north = _DITHER[(n - 1) % len(_DITHER)]
        place = target.moved(east * dither_arcsec, north * dither_arcsec)
        part = steps.part(f"dither {n}" if dither_arcsec else "", place)
        images += observe_once(part, place, exposure, filters, f" {n}")
    return images
