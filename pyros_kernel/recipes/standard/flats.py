"""Flats at a chosen level, of the twilight sky or of the lamp: the exposure follows the light."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from astropy import units as u

from instruments import Camera, FrameKind
from pyros_kernel.images import read_frame
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import cameras_for, context_of, frame_step, taken
from pyros_kernel.recipes.standard.light import LONGEST_S, SHORTEST_S, Light
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits, place_at
from pyros_kernel.safety.sun import sun_altaz_deg
from pyros_kernel.services import Services
from pyros_kernel.store import Channel
from pyros_kernel.tasks.calibration import write_master
from pyros_kernel.tasks.exposing import Shot

_TRIES = 8
_LEAST = 3  # frames whose median takes the stars away: so many make a master where the light passes too soon
# The twilight sky is evenest 15° from the zenith, away from the Sun (Chromey & Hasselbacher 1996, PASP 108, 944).
_NULL_DEG = 75.0
_LIMITS = Limits(sun_deg=-0.5)
_WAIT = 60 * u.s
_WAITS = 60
_APART_ARCSEC = 40.0  # from one frame to the next, so that the median takes the stars away

_Frame = Callable[[int], Steps]
"""Gives the steps of the n-th frame."""


@recipe(needs=Needs.SKY)
def take_flats(
    steps: Steps, channel: Channel = Channel.VIS, filter: str = "r", level: float = 20_000.0, count: int = 5
) -> dict[str, Any]:
    """Take flats of the twilight sky, each exposed for the level that is wanted.

    The telescope looks where the sky is evenest and moves between frames, so that the stars fall elsewhere.  While
    the evening is too bright, or the morning too dark, it waits.

    :param channel: VIS or NIR
    :param filter: in the beam
    :param level: counts above the bias, in the middle of a frame's pixels
    :param count: frames at that level
    """
    place = steps.step("field", lambda: _evenest(steps.services))
    field = Target("flat field", *(place or (0.0, 0.0)))

    def part(n: int) -> Steps:
        return steps.part(f"frame {n}", field.moved((n % 5) * _APART_ARCSEC, (n // 5) * _APART_ARCSEC), _LIMITS)

    return _flats(steps, channel, filter, level, count, part, _sinks)


@recipe(needs=Needs.CLOSED)
def take_lamp_flats(
    steps: Steps, channel: Channel = Channel.VIS, filter: str = "r", level: float = 20_000.0, count: int = 5
) -> dict[str, Any]:
    """Take flats of the lamp in the closed dome, each exposed for the level that is wanted.

    :param channel: VIS or NIR
    :param filter: in the beam
    :param level: counts above the bias, in the middle of a frame's pixels
    :param count: frames at that level
    """
    return _flats(steps, channel, filter, level, count, lambda n: steps.part(f"frame {n}"))


def _flats(
    steps: Steps,
    channel: Channel,
    filter_name: str,
    level: float,
    count: int,
    part: _Frame,
    sinks: Callable[[Services], bool] | None = None,
) -> dict[str, Any]:
    """Take frames until enough came near the level, or the light has passed.

    A bias gives the level of no light, and each frame's light the next one's exposure.  A frame further than a fifth
    from the level is kept and not counted.

    :param sinks: tells whether the Sun sinks; left out for a light that stays
    """
    steps.require("level", "" if 100 <= level <= 50_000 else f"level must be 100 to 50000 counts, got {level:g}")
    camera = cameras_for(steps, [channel]).get(channel)
    if camera is None:
        return {"frames": []}
    steps.expect(count + 2)
    zero = frame_step(part(0), "bias", camera, 0 * u.s, FrameKind.BIAS)["level"]
    light, frames = Light(level, zero), list[dict[str, Any]]()
    n, tries, waits, why = 0, count + _TRIES, 0, ""
    while len(frames) < count and n < tries:
        n += 1
        now = part(n)
        frame = _flat(now, camera, filter_name, light)
        if light.saw(frame["level"], frame["exposure_s"], frame["at_s"], frame["chosen_s"]):
            frames.append(frame)
        exposure_s = light.exposure_s(steps.clock.unix_s())
        if len(frames) == count or SHORTEST_S <= exposure_s <= LONGEST_S:
            continue
        bright = exposure_s < SHORTEST_S
        limit = f"{SHORTEST_S:g} s is the shortest" if bright else f"{LONGEST_S:g} s is the longest"
        what = f"the light is too {'bright' if bright else 'faint'}: {level:g} counts would take {exposure_s:.3g} s"
        if sinks is None or waits == _WAITS or now.step("sinks", lambda: sinks(steps.services)) is not bright:
            why = f"{what}, {limit}"
            break
        waits, tries = waits + 1, tries + 1
        steps.say(f"waits, {what}")
        steps.step(f"wait {waits}", lambda: steps.sleep(_WAIT))
    if len(frames) < count:
        why = f"{why or f'too many were further than a fifth from {level:g} counts'}; {len(frames)} of {count} frames"
        steps.require("level", "" if len(frames) >= _LEAST else why)
        steps.say(f"{why}, of which the master is made")
    master = steps.step("master", lambda: _master(steps, [frame["path"] for frame in frames]))
    levels = [frame["level"] - zero for frame in frames]
    return {"frames": [frame["path"] for frame in frames], "levels": levels, "master": master}


def _flat(steps: Steps, camera: Camera, filter_name: str, light: Light) -> dict[str, Any]:
    """Take one frame, as a step; its exposure is chosen when the telescope is there: twilight doesn't wait for it."""

    def work() -> dict[str, Any]:
        chosen_s = steps.clock.unix_s()
        exposure_s = min(max(light.exposure_s(chosen_s), SHORTEST_S), LONGEST_S)
        context = context_of(camera, steps.services, None)
        shot = Shot(camera, exposure_s * u.s, FrameKind.FLAT, context, filter_name)
        frame, image = steps.take(shot, name)
        lasted_s = float(frame.exposure_time.to_value(u.s))  # one that a crash left was chosen otherwise
        return {**taken(frame, image), "exposure_s": lasted_s, "chosen_s": chosen_s}

    name = "flat"
    return steps.step(name, work)


def _evenest(services: Services) -> list[float]:
    place = services.site.latitude_deg, services.site.longitude_deg
    _, sun_az_deg = sun_altaz_deg(*place, services.clock.unix_s())
    return place_at(_NULL_DEG, (sun_az_deg + 180.0) % 360.0, services)


def _sinks(services: Services) -> bool:
    """Tell whether the Sun sinks now."""
    place, now_s = (services.site.latitude_deg, services.site.longitude_deg), services.clock.unix_s()
    return sun_altaz_deg(*place, now_s + 60.0)[0] < sun_altaz_deg(*place, now_s)[0]


def _master(steps: Steps, paths: list[str]) -> str:
    services = steps.services
    frames = [read_frame(services.archive.root / path) for path in paths]
    return write_master("flat", frames, services.night_name, services.archive)[0]
