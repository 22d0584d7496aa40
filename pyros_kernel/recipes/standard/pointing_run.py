"""How well the telescope goes where it is sent, by its own encoders."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord

from instruments import FrameKind
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import recipe
from pyros_kernel.recipes.standard.frames import Degrees, Seconds, cameras_for, frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Channel


@recipe(needs=Needs.SKY)
def pointing_run(
    steps: Steps,
    points: int = 12,
    lowest: Degrees = 30 * u.deg,
    highest: Degrees = 80 * u.deg,
    exposure: Seconds = 5 * u.s,
) -> dict[str, Any]:
    """Slew to places spread evenly over the sky, take a frame at each, and note where the mount says it is.

    The differences are the mount's own: nothing is solved on stars, so a wrong model of the mount does not show in
    them.  The frames are kept, for whoever solves them.

    :param points: how many places
    :param lowest: altitude
    :param highest: altitude
    """
    low, high = float(lowest.to_value(u.deg)), float(highest.to_value(u.deg))
    steps.require("points", "" if 1 <= points <= 500 else f"1 to 500 places, got {points}")
    rising = 0 < low < high < 90
    steps.require("altitudes", "" if rising else f"they must rise within 0° to 90°, got {low:g}° and {high:g}°")
    cameras = cameras_for(steps, [Channel.VIS])
    steps.expect(3 * points, points * (40 + float(exposure.to_value(u.s))) * u.s)
    measured: list[dict[str, Any]] = []
    for n, (alt_deg, az_deg) in enumerate(spread(points, low, high), 1):
        place = steps.step(f"place {n}", lambda a=alt_deg, z=az_deg: _icrs(steps, a, z))
        target = Target(f"place {n}", *place)
        part = steps.part(f"point {n}", target)
        seen = part.step("read", lambda t=target: _difference(steps, t))
        for camera in cameras.values():
            frame_step(part, "frame", camera, exposure, FrameKind.LIGHT, target)
        measured.append({"alt_deg": round(alt_deg, 3), "az_deg": round(az_deg, 3), **(seen or {})})
    offsets = [point["offset_arcsec"] for point in measured if "offset_arcsec" in point]
    rms = math.sqrt(sum(x * x for x in offsets) / len(offsets)) if offsets else None
    return {"points": measured, "rms_arcsec": rms}


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


def _icrs(steps: Steps, alt_deg: float, az_deg: float) -> list[float]:
    """Turn a place over the site into ICRS degrees, as it stands when the step is done."""
    site = steps.services.site
    location = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    frame = AltAz(alt=alt_deg * u.deg, az=az_deg * u.deg, obstime=steps.clock.now(), location=location)
    icrs = SkyCoord(frame).icrs
    return [float(icrs.ra.deg), float(icrs.dec.deg)]


def _difference(steps: Steps, target: Target) -> dict[str, float]:
    position = steps.services.devices.telescope.state().position.value
    east, north = target.coord.spherical_offsets_to(position.icrs)
    return {
        "east_arcsec": float(east.to_value(u.arcsec)),
        "north_arcsec": float(north.to_value(u.arcsec)),
        "offset_arcsec": float(target.coord.separation(position.icrs).to_value(u.arcsec)),
    }
