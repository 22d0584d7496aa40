"""Where a frame really points, as a step's result; and centring and guiding, which are made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from instruments import Camera, FrameKind
from pyros_kernel.images import NoCatalogue, NotSolved, solve
from pyros_kernel.recipes.standard.frames import frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.services import Services

Correction = tuple[float, float]
"""How far the telescope is sent beside a target, arcseconds east and north, so that it points at it."""

_TRIES = 3
_SMALL_ARCSEC = 20.0  # a mount goes so far as exactly as it stands


def solved(path: str, services: Services) -> dict[str, Any]:
    """Tell where an image really points, seen from where it was told to.

    :param path: under the data directory
    :return: ``east_arcsec``, ``north_arcsec``, ``matched``, ``rms_arcsec``; or ``why_not``
    """
    with fits.open(services.archive.root / path, memmap=False) as hdus:
        data, header = np.asarray(hdus[0].data), hdus[0].header
    try:
        found = solve(data, header, services.stars)
    except (NotSolved, NoCatalogue) as error:
        return {"why_not": str(error)}
    return {
        "east_arcsec": round(found.east_arcsec, 3),
        "north_arcsec": round(found.north_arcsec, 3),
        "matched": found.matched,
        "rms_arcsec": round(found.rms_arcsec, 3),
    }


def centred(
    steps: Steps, target: Target, camera: Camera, exposure: u.Quantity, within_arcsec: float, filter_name: str | None
) -> Correction:
    """Bring a target into the middle of a camera: expose, solve, and send the telescope so much beside.

    A small correction is trusted, and not looked at: the next solved image shows it.  Where nothing can be solved the
    mount's own pointing is kept, and the log says why.

    :return: what the telescope has to be sent beside the target from now on
    """
    sent: Correction = 0.0, 0.0
    for n in range(1, _TRIES + 1):
        part = steps.part(f"centre {n}", target.moved(*sent))
        frame = frame_step(part, "frame", camera, exposure, FrameKind.LIGHT, target, filter_name, analysed=False)
        if not frame:
            return sent
        seen = part.note("solve", lambda path=str(frame["path"]): solved(path, steps.services))
        moved = corrected(steps, sent, seen, within_arcsec)
        step = math.hypot(moved[0] - sent[0], moved[1] - sent[1])
        sent = moved
        if step <= _SMALL_ARCSEC:
            return sent
    steps.say(f"still not within {within_arcsec:g}'' after {_TRIES} frames: goes on")
    return sent


def corrected(steps: Steps, sent: Correction, seen: dict[str, Any], within_arcsec: float) -> Correction:
    """Give the correction after a solved frame; the same one where it is good enough, or nothing was solved."""
    if "why_not" in seen:
        steps.say(f"not solved: {seen['why_not']}; the mount's own pointing is kept")
        return sent
    east, north = float(seen["east_arcsec"]), float(seen["north_arcsec"])
    off = math.hypot(east, north)
    steps.say(f"points {off:.1f}'' off, by {seen['matched']} stars")
    return sent if off <= within_arcsec else (round(sent[0] - east, 3), round(sent[1] - north, 3))
