"""Flats at a chosen level: the exposure follows the light."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from instruments import FrameKind
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import recipe
from pyros_kernel.recipes.standard.frames import cameras_for, frame_step, read_frame
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.store import Channel
from pyros_kernel.tasks.calibration import write_master

_SHORTEST_S, _LONGEST_S, _FIRST_S = 0.05, 120.0, 0.5
_TOO_BRIGHT = 60_000.0  # a frame at the end of its range tells nothing of the light
_WITHIN = 0.2  # of the level that is wanted
_TRIES = 6


@recipe(needs=Needs.CLOSED)
def take_flats(
    steps: Steps, channel: Channel = Channel.VIS, filter: str = "r", level: float = 20_000.0, count: int = 5
) -> dict[str, Any]:
    """Take flats of the lamp in the closed dome, each exposed for the level that is wanted.

    A bias gives the level of no light; each frame's light gives the next one's exposure, so that a light that
    fades or brightens is followed.  A frame further than a fifth from the level is kept and not counted.

    :param channel: VIS or NIR
    :param filter: in the beam
    :param level: counts above the bias, in the middle of a frame's pixels
    :param count: frames at that level
    """
    steps.require("level", "" if 100 <= level <= 50_000 else f"level must be 100 to 50000 counts, got {level:g}")
    camera = cameras_for(steps, [channel]).get(channel)
    if camera is None:
        return {"frames": []}
    steps.expect(count + 2)
    zero = frame_step(steps, "bias", camera, 0 * u.s, FrameKind.BIAS)["level"]
    frames: list[dict[str, Any]] = []
    exposure_s = _FIRST_S
    for n in range(1, count + _TRIES + 1):
        frame = frame_step(
            steps, f"flat {n}", camera, exposure_s * u.s, FrameKind.FLAT, None, filter, exposure_s=exposure_s
        )
        light = frame["level"] - zero
        if abs(light - level) <= _WITHIN * level:
            frames.append(frame)
        if len(frames) >= count:
            break
        exposure_s = fitted_exposure_s(float(frame["exposure_s"]), light, level, saturated=frame["level"] > _TOO_BRIGHT)
        if not _SHORTEST_S <= exposure_s <= _LONGEST_S:
            what = "too bright" if exposure_s < _SHORTEST_S else "too faint"
            steps.require("level", f"the light is {what}: {level:g} counts would take {exposure_s:.3g} s")
    missing = count - len(frames)
    steps.require("count", f"only {len(frames)} frames came within a fifth of {level:g} counts" if missing else "")
    master = steps.step("master", lambda: _master(steps, [frame["path"] for frame in frames]))
    levels = [frame["level"] - zero for frame in frames]
    return {"frames": [frame["path"] for frame in frames], "levels": levels, "master": master}


def fitted_exposure_s(exposure_s: float, light: float, wanted: float, *, saturated: bool = False) -> float:
    """Give the exposure for a level, by the last frame's.

    :param light: counts above the bias that ``exposure_s`` gave
    :param wanted: counts above the bias
    :param saturated: whether that frame was too bright to tell
    """
    if saturated:
        return exposure_s / 8
    return exposure_s * wanted / light if light > 0.02 * wanted else 8 * exposure_s


def _master(steps: Steps, paths: list[str]) -> str:
    services = steps.services
    frames = [read_frame(path, services) for path in paths]
    return write_master("flat", frames, services.night_name, services.archive)[0]
