"""Flats at a chosen level, of the twilight sky or of the lamp: the exposure follows the light."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from astropy import units as u

from instruments import FrameKind
from pyros_kernel.images import read_frame
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import cameras_for, frame_step
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits, place_at
from pyros_kernel.safety.sun import sun_altaz_deg
from pyros_kernel.services import Services
from pyros_kernel.store import Channel
from pyros_kernel.tasks.calibration import write_master

_SHORTEST_S, _LONGEST_S, _FIRST_S = 0.05, 120.0, 0.5
_TOO_BRIGHT = 60_000.0  # a frame at the end of its range tells nothing of the light
_TOO_FAINT = 0.02  # of the level: of so little light a frame tells nothing either
_WITHIN = 0.2  # of the level that is wanted
_TRIES = 8
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
    """Take frames until enough came near the level.

    A bias gives the level of no light; each frame's light gives the next one's exposure, and the last two tell how fast
    it fades or brightens.  A frame further than a fifth from the level is kept and not counted.

    :param sinks: tells whether the Sun sinks; left out for a light that stays
    """
    steps.require("level", "" if 100 <= level <= 50_000 else f"level must be 100 to 50000 counts, got {level:g}")
    camera = cameras_for(steps, [channel]).get(channel)
    if camera is None:
        return {"frames": []}
    steps.expect(count + 2)
    zero = frame_step(part(0), "bias", camera, 0 * u.s, FrameKind.BIAS)["level"]
    frames: list[dict[str, Any]] = []
    before: tuple[float, float] | None = None
    exposure_s, n, tries, waits = _FIRST_S, 0, count + _TRIES, 0
    while len(frames) < count and n < tries:
        n += 1
        now, length = part(n), exposure_s * u.s
        notes: dict[str, Any] = {"exposure_s": exposure_s, "chosen_s": steps.clock.unix_s()}
        frame = frame_step(now, "flat", camera, length, FrameKind.FLAT, None, filter_name, **notes)
        light = frame["level"] - zero
        if abs(light - level) <= _WITHIN * level:
            frames.append(frame)
        saturated = frame["level"] > _TOO_BRIGHT
        exposure_s = fitted_exposure_s(float(frame["exposure_s"]), light, level, saturated=saturated)
        if saturated or light <= _TOO_FAINT * level:
            before = None
        else:
            last = float(frame["at_s"]), light / float(frame["exposure_s"])
            if before is not None:
                # Reading and writing the last frame may have taken long; the way to the next one takes what it took.
                way_s = last[0] - float(frame["exposure_s"]) / 2 - float(frame["chosen_s"])
                exposure_s /= brightening(before, last, steps.clock.unix_s() + way_s + exposure_s / 2)
            before = last
        if _SHORTEST_S <= exposure_s <= _LONGEST_S:
            continue
        bright = exposure_s < _SHORTEST_S
        what = f"the light is too {'bright' if bright else 'faint'}: {level:g} counts would take {exposure_s:.3g} s"
        comes = sinks is not None and now.step("sinks", lambda: sinks(steps.services)) is bright and waits < _WAITS
        steps.require("level", "" if comes else what)
        waits, tries = waits + 1, tries + 1
        steps.say(f"waits, {what}")
        steps.step(f"wait {waits}", lambda: steps.sleep(_WAIT))
        exposure_s = min(max(exposure_s, _SHORTEST_S), _LONGEST_S)
    missing = count - len(frames)
    steps.require("count", f"only {len(frames)} frames came within a fifth of {level:g} counts" if missing else "")
    master = steps.step("master", lambda: _master(steps, [frame["path"] for frame in frames]))
    levels = [frame["level"] - zero for frame in frames]
    return {"frames": [frame["path"] for frame in frames], "levels": levels, "master": master}


def _evenest(services: Services) -> list[float]:
    place = services.site.latitude_deg, services.site.longitude_deg
    _, sun_az_deg = sun_altaz_deg(*place, services.clock.unix_s())
    return place_at(_NULL_DEG, (sun_az_deg + 180.0) % 360.0, services)


def _sinks(services: Services) -> bool:
    """Tell whether the Sun sinks now."""
    place, now_s = (services.site.latitude_deg, services.site.longitude_deg), services.clock.unix_s()
    return sun_altaz_deg(*place, now_s + 60.0)[0] < sun_altaz_deg(*place, now_s)[0]


def brightening(before: tuple[float, float], last: tuple[float, float], next_s: float) -> float:
    """Foretell by how much the light will have changed from the last frame to the next one.

    Twilight fades and brightens by the same factor in the same time, within some minutes.

    :param before: time (unix seconds) and light of the frame before the last one
    :param last: those of the last one
    :param next_s: time of the next one, as far as can be told
    :return: within a quarter and four: what two frames say of more than that is no trend
    """
    between_s = last[0] - before[0]
    if between_s <= 0:
        return 1.0
    ahead = min(max((next_s - last[0]) / between_s, 0.0), 10.0)
    return min(max((last[1] / before[1]) ** ahead, 0.25), 4.0)


def fitted_exposure_s(exposure_s: float, light: float, wanted: float, *, saturated: bool = False) -> float:
    """Give the exposure for a level, by the last frame's.

    :param light: counts above the bias that ``exposure_s`` gave
    :param wanted: counts above the bias
    :param saturated: whether that frame was too bright to tell
    """
    if saturated:
        return exposure_s / 8
    return exposure_s * wanted / light if light > _TOO_FAINT * wanted else 8 * exposure_s


def _master(steps: Steps, paths: list[str]) -> str:
    services = steps.services
    frames = [read_frame(services.archive.root / path) for path in paths]
    return write_master("flat", frames, services.night_name, services.archive)[0]
