"""Observe a target: slew, focus, centre, then expose on both channels side by side, and follow the stars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from astropy import units as u

from instruments import Camera, FrameKind, InstrumentError
from pyros_kernel.recipes.errors import Refused
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.autofocus import NEVER_FOUND, focus_here, focus_is_due, has_focuser
from pyros_kernel.recipes.standard.frames import Arcseconds, Degrees, Seconds, cameras_for, frame_step
from pyros_kernel.recipes.standard.solved import Correction, centred, corrected, solved
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits
from pyros_kernel.store import Channel

# Around a square and its centre, so that a bad pixel never falls on the same star twice in five frames.
_DITHER = ((0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1))
_SLEW_S, _OVERHEAD_S = 30.0, 8.0
_CENTRING, _FOCUSING = 5 * u.s, 5 * u.s
_FIRST, _AGAIN = 7, 5  # positions of a focus run: a focus that was found before is not far

Focus = Literal["due", "always", "never"]
Take = Callable[[Steps, Target, int], list[str]]
"""Takes what a round is to take: given its steps, where its images are to be centred, and its number from 1.

Gives the paths of the images; pointing is corrected by the first one."""


@recipe(needs=Needs.SKY)
def observe(
    steps: Steps,
    target: Target,
    exposure: Seconds = 30 * u.s,
    count: int = 1,
    vis_filter: str | None = "r",
    nir_filter: str | None = "J",
    dither: Arcseconds = 0 * u.arcsec,
    focus: Focus = "due",
    centre: bool = True,
    guide: bool = True,
    within: Arcseconds = 2 * u.arcsec,
    moon: Degrees = 0 * u.deg,
) -> dict[str, Any]:
    """Slew to a target, focus if due, centre it by the stars, and expose VIS and NIR side by side.

    Between two frames the pointing is corrected by what the stars of the last VIS frame say; while a frame is
    exposed the mount tracks by itself.

    :param target: a name, or coordinates
    :param exposure: of each frame
    :param count: frames per channel
    :param vis_filter: none: no VIS frames
    :param nir_filter: none: no NIR frames
    :param dither: how far the telescope moves between frames, east and north; 0: not at all
    :param focus: due: if it was not found for three hours, or the temperature changed since
    :param centre: solve a short frame before, and correct the pointing
    :param guide: solve each VIS frame, and correct the pointing before the next
    :param within: of the target the pointing is good enough
    :param moon: nearer to the Moon the target is not looked at
    """
    if moon > 0 * u.deg:
        steps = steps.part("", limits=Limits(moon_deg=float(moon.to_value(u.deg))))
    steps.require("count", "" if count >= 1 else f"count must be 1 or more, got {count}")
    filters = filters_of(vis_filter, nir_filter)
    steps.require("filters", "" if filters else "name a filter of at least one channel")
    dither_arcsec, within_arcsec = float(dither.to_value(u.arcsec)), float(within.to_value(u.arcsec))
    guide = guide and Channel.VIS in filters and count > 1
    each = len(filters) + (1 if dither_arcsec else 0) + (1 if guide else 0)
    steps.expect(count * each + (3 if centre else 1), (_SLEW_S + count * (_seconds(exposure) + _OVERHEAD_S)) * u.s)
    sent = acquired(steps, target, filters, focus, within_arcsec, centre=centre)

    def take(part: Steps, aimed: Target, n: int) -> list[str]:
        return observe_once(part, aimed, exposure, filters, f" {n}")

    every = 1 if guide else 0
    return {"target": target.name, **in_rounds(steps, target, count, take, sent, within_arcsec, every, dither_arcsec)}


def acquired(
    steps: Steps, target: Target, filters: dict[Channel, str], focus: Focus, within_arcsec: float, *, centre: bool
) -> Correction:
    """Slew to a target, focus if due, and centre it.

    :param filters: in whose beam stars are looked at
    :param centre: whether a frame is taken and solved for that
    :return: what the telescope has to be sent beside the target from now on
    """
    steps.part("", target).ready()  # what can't be looked at is refused first
    solver = steps.services.devices.cameras.get(Channel.VIS)
    if solver is None:
        return 0.0, 0.0
    focus_if_due(steps, target, solver, focus, filters.get(Channel.VIS))
    if not centre:
        return 0.0, 0.0
    return centred(steps, target, solver, _CENTRING, within_arcsec, filters.get(Channel.VIS))


def in_rounds(
    steps: Steps,
    target: Target,
    rounds: int,
    take: Take,
    sent: Correction,
    within_arcsec: float,
    guide_every: int,
    dither_arcsec: float = 0.0,
) -> dict[str, Any]:
    """Take what is to be taken in rounds; between two of them the telescope is moved and its pointing corrected.

    :param sent: what the telescope has to be sent beside the target
    :param guide_every: after so many rounds an image is solved, and the pointing corrected before the next; 0: never
    :return: ``images`` (paths under the data directory) and ``sent_beside_arcsec``
    """
    images: list[str] = []
    for n in range(1, rounds + 1):
        east, north = (dither_arcsec * step for step in _DITHER[(n - 1) % len(_DITHER)])
        part = steps.part(f"dither {n}" if dither_arcsec else "", target.moved(east + sent[0], north + sent[1]))
        taken = take(part, target.moved(east, north), n)
        images += taken
        if guide_every and n % guide_every == 0 and n < rounds and taken:
            seen = part.note(
                "guide" if dither_arcsec else f"guide {n}", lambda path=taken[0]: solved(path, steps.services)
            )
            sent = corrected(steps, sent, seen, within_arcsec)
    return {"images": images, "sent_beside_arcsec": list(sent)}


def focus_if_due(steps: Steps, target: Target, camera: Camera, when: Focus, filter_name: str | None) -> None:
    """Focus at a target if that is due; goes on with the focus as it was where no minimum is found."""
    if when == "never":
        return
    if not has_focuser(steps.services):
        steps.say("no focuser: the focus is left as it is")
        return
    # Decided once: a resumed run must not focus in the middle because of what it did itself.
    why = steps.note("is the focus due", lambda: focus_is_due(steps.services))
    if why or when == "always":
        steps.say(f"focuses: {why or 'asked for'}")
        try:
            points = _FIRST if why == NEVER_FOUND else _AGAIN
            focus_here(steps.part("focus", target), target, camera, _FOCUSING, points, filter_name=filter_name)
        except (Refused, InstrumentError) as why_not:
            steps.say(f"goes on with the focus as it was: {why_not}")


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


def _seconds(exposure: u.Quantity) -> float:
    return float(exposure.to_value(u.s))
