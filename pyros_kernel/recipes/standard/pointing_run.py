"""How well the telescope goes where it is sent: by its own encoders, and by the stars."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u

from instruments import FrameKind
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import Degrees, Seconds, cameras_for, frame_step
from pyros_kernel.recipes.standard.solved import solved
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import place_at
from pyros_kernel.store import Channel
from pyros_kernel.tasks.cuts import through_cuts


@recipe(needs=Needs.SKY)
def pointing_run(
    steps: Steps,
    points: int = 12,
    lowest: Degrees = 30 * u.deg,
    highest: Degrees = 80 * u.deg,
    exposure: Seconds = 5 * u.s,
    filter: str | None = "r",
) -> dict[str, Any]:
    """Slew to places spread evenly over the sky, and note where the mount says it is and where stars say it is.

    What the mount says shows how well it follows its own encoders; what the stars say shows its model's errors.

    :param points: how many places
    :param lowest: altitude
    :param highest: altitude
    :param filter: in the beam; as it is if left out
    """
    low, high = float(lowest.to_value(u.deg)), float(highest.to_value(u.deg))
    steps.require("points", "" if 1 <= points <= 500 else f"1 to 500 places, got {points}")
    rising = 0 < low < high < 90
    steps.require("altitudes", "" if rising else f"they must rise within 0° to 90°, got {low:g}° and {high:g}°")
    cameras = cameras_for(steps, [Channel.VIS])
    steps.expect(5 * points, points * (40 + float(exposure.to_value(u.s))) * u.s)
    measured: list[dict[str, Any]] = []
    for n, (alt_deg, az_deg) in enumerate(spread(points, low, high), 1):
        place = steps.step(f"place {n}", lambda a=alt_deg, z=az_deg: place_at(a, z, steps.services))
        target = Target(f"place {n}", *place)
        part = steps.part(f"point {n}", target)
        seen = part.step("read", lambda t=target: _difference(steps, t))
        point: dict[str, Any] = {"alt_deg": round(alt_deg, 3), "az_deg": round(az_deg, 3), **(seen or {})}
        for camera in cameras.values():
            if frame := frame_step(part, "frame", camera, exposure, FrameKind.LIGHT, target, filter):
                point["stars"] = part.note("solve", lambda path=str(frame["path"]): solved(path, steps.services))
        measured.append(point)
    by_stars = [p["stars"] for p in measured if "east_arcsec" in (p.get("stars") or {})]
    return {
        "points": measured,
        "rms_arcsec": _rms([p["offset_arcsec"] for p in measured if "offset_arcsec" in p]),
        "solved": len(by_stars),
        "rms_by_stars_arcsec": _rms([math.hypot(s["east_arcsec"], s["north_arcsec"]) for s in by_stars]),
    }


def _rms(offsets: list[float]) -> float | None:
    return math.sqrt(sum(x * x for x in offsets) / len(offsets)) if offsets else None


def spread(points: int, lowest_deg: float, highest_deg: float) -> list[tuple[float, float]]:
    """Spread places evenly over a zone of the sky, along a spiral of golden angles (Vogel 1979).

    :return: (altitude, azimuth) of each, degrees; equal areas each
    """
    low, high = math.sin(math.radians(lowest_deg)), math.sin(math.radians(highest_deg))
    golden_deg = 180.0 * (3.0 - math.sqrt(5.0))
    return [
        (math.degrees(math.asin(low + (high - low) * (n + 0.5) / points)), (n * golden_deg) % 360.0)
        for n in range(points)
    ]


def _difference(steps: Steps, target: Target) -> dict[str, float]:
    telescope = steps.services.devices.telescope
    position = through_cuts(telescope, telescope.state, steps.cancelled).position.value
    east, north = target.coord.spherical_offsets_to(position.icrs)
    return {
        "east_arcsec": float(east.to_value(u.arcsec)),
        "north_arcsec": float(north.to_value(u.arcsec)),
        "offset_arcsec": float(target.coord.separation(position.icrs).to_value(u.arcsec)),
    }
