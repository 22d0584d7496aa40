"""Biases, darks and flats, with the dome closed."""

from __future__ import annotations

from typing import Any

from astropy import units as u
from astropy.io import fits
from sqlalchemy import func, select

from instruments import FrameKind
from pyros_kernel.images import read_frame
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import Seconds, cameras_for, frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.store import Channel, Image
from pyros_kernel.tasks.calibration import write_master

_BIASES, _DARKS = 5, 3
_DARK_S = 30.0  # where the night has no exposure to go by
_BOTH = tuple(channel.value for channel in Channel)


@recipe(needs=Needs.CLOSED)
def take_bias(steps: Steps, count: int = _BIASES, channels: tuple[str, ...] = _BOTH) -> dict[str, Any]:
    """Take biases with each camera, and combine them.

    :param count: frames per camera
    :param channels: VIS, NIR, or both
    """
    return _series(steps, FrameKind.BIAS, 0 * u.s, count, channels)


@recipe(needs=Needs.CLOSED)
def take_darks(
    steps: Steps, exposure: Seconds | None = None, count: int = _DARKS, channels: tuple[str, ...] = _BOTH
) -> dict[str, Any]:
    """Take darks with each camera, and combine them.

    :param exposure: of each; as long as the night's longest one if left out
    :param count: frames per camera
    :param channels: VIS, NIR, or both
    """
    return _series(steps, FrameKind.DARK, exposure, count, channels)


def _series(
    steps: Steps, kind: FrameKind, exposure: u.Quantity | None, count: int, channels: tuple[str, ...]
) -> dict[str, Any]:
    steps.require("count", "" if count >= 1 else f"count must be 1 or more, got {count}")
    cameras = cameras_for(steps, channels_of(steps, channels))
    steps.expect(len(cameras) * (count + 1))

    def take(channel: Channel, part: Steps) -> str:
        camera = cameras[channel]
        length = _longest(part, camera.name) if exposure is None else exposure
        frames = [frame_step(part, f"{kind} {n}", camera, length, kind) for n in range(1, count + 1)]
        return part.step("master", lambda: _master(part, kind, [frame["path"] for frame in frames if frame]))

    masters = steps.together({channel.value: lambda part, c=channel: take(c, part) for channel in cameras})
    return {"masters": masters, "frames": len(masters) * count}


def channels_of(steps: Steps, words: tuple[str, ...]) -> list[Channel]:
    """Read channels from words.

    :raises Refused: for one that there is not
    """
    known = {channel.value: channel for channel in Channel}
    wrong = [word for word in words if word.upper() not in known]
    steps.require("channels", f"there is no channel {', '.join(wrong)}; there are {', '.join(known)}" if wrong else "")
    return [known[word.upper()] for word in words if word.upper() in known]


def _longest(steps: Steps, camera: str) -> u.Quantity:
    """Give the length of the night's longest exposure with a camera."""
    services = steps.services
    with services.store.session(read_only=True) as session:
        longest_s = session.scalar(
            select(func.max(Image.exposure_time_s)).where(
                Image.night_id == services.night_id, Image.kind == FrameKind.LIGHT.value, Image.camera == camera
            )
        )
    return (_DARK_S if longest_s is None else float(longest_s)) * u.s


def _master(steps: Steps, kind: FrameKind, paths: list[str]) -> str:
    services = steps.services
    frames = [read_frame(services.archive.root / path) for path in paths]
    bias = None
    if kind is FrameKind.DARK:
        folder = services.archive.root / services.night_name / "calibration"
        masters = sorted(folder.glob(f"master_bias_{frames[0].camera}*.fits"), key=lambda p: p.stat().st_mtime)
        if masters:
            bias = fits.getdata(masters[-1])
        else:
            steps.say("no master bias of this night: the master dark keeps its bias (BIASSUB = F)")
    path, _ = write_master(kind.value, frames, services.night_name, services.archive, bias)
    return path
