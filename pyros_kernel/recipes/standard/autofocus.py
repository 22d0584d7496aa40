"""Find the best focus: a frame at each of several positions, and the minimum of the curve through their widths."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments import Camera, Focuser, FocuserState, FrameKind
from pyros_kernel.devices import Missing
from pyros_kernel.images.quicklook import quick_look
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.focus_curve import FocusCurve, curve_svg, fit_focus
from pyros_kernel.recipes.standard.frames import Seconds, cameras_for, context_of
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import place_at
from pyros_kernel.services import Services
from pyros_kernel.store import Channel, RecipeStep, StepStatus
from pyros_kernel.store.recipe import BEST_FOCUS
from pyros_kernel.tasks.cuts import through_cuts
from pyros_kernel.tasks.exposing import Shot

NEVER_FOUND = "it was never found"
_SCANS = 3
_PUT_BACK = "focus put back"  # … or back where it was, because nothing was found
_PATIENCE_S = 3600.0
_LASTS_S, _KELVIN = 10_800.0, 2.0  # so long a focus is good, unless the tube gets warmer or colder by this
_HEIGHT_DEG = 75.0  # high up stars are sharpest, and a dome's slit never lies in the zenith itself


@recipe(needs=Needs.SKY)
def autofocus(
    steps: Steps,
    target: Target | None = None,
    exposure: Seconds = 5 * u.s,
    points: int = 7,
    step: int = 300,
    channel: Channel = Channel.VIS,
    filter: str | None = "r",
) -> dict[str, Any]:
    """Find the best focus by a V-curve, and leave the focuser there.

    A parabola is fitted to the squared widths of the stars; where its minimum lies outside, the next scan begins
    there.  Every position is reached from below, so that slack in the gears doesn't matter.

    :param target: where to look; high in the south or north if left out
    :param points: positions of a scan
    :param step: steps of the focuser from one to the next
    :param filter: in the beam; as it is if left out
    """
    steps.require("points", "" if 5 <= points <= 25 else f"5 to 25 positions, got {points}")
    steps.require("step", "" if step >= 1 else f"a step of the scan must be 1 or more, got {step}")
    camera = cameras_for(steps, [channel]).get(channel)
    if camera is None:
        return {}
    steps.expect(points + 4, points * (float(exposure.to_value(u.s)) + 10) * u.s)
    place = target or Target(
        "focus field",
        *steps.step("field", lambda: _high_up(steps.services)),
    )
    return focus_here(steps.part("", place), place, camera, exposure, points, step, filter)


def focus_here(
    steps: Steps,
    place: Target,
    camera: Camera,
    exposure: u.Quantity,
    points: int = 7,
    step: int = 300,
    filter_name: str | None = None,
) -> dict[str, Any]:
    """Focus where a part points; see :func:`autofocus`.

    :raises Refused: if no scan shows a minimum
    """
    focuser = steps.services.devices.focuser
    begin = steps.step("focus begins", lambda: through_cuts(focuser, lambda: _state(focuser.state()), steps.cancelled))
    if not begin:
        return {}
    low, high = begin["limits"]
    middle = float(begin["position"])
    seen: dict[float, float] = {}
    curve: FocusCurve | None = None
    for scan in range(1, _SCANS + 1):
        for n in range(points):
            position = round(min(max(middle + (n - (points - 1) / 2) * step, low), high))
            if position in seen:
                continue
            name = f"focus at {position}"
            one = steps.step(
                name,
                lambda n=name, p=position: _measure(steps, n, focuser, camera, exposure, p, step, place, filter_name),
            )
            if not one:
                return {}  # refused, in a rehearsal
            if one["fwhm_px"] is not None:
                seen[position] = float(one["fwhm_px"])
        curve = _minimum(seen, points / 2 * step)
        steps.picture("focus", curve_svg(sorted(seen), [seen[p] for p in sorted(seen)], curve))
        if not seen or curve is not None:
            break
        sharpest = min(seen, key=lambda p: seen[p])
        middle = sharpest + math.copysign(points // 2 * step, sharpest - middle or 1.0)
        steps.say(f"scan {scan} shows no minimum; the next one is around {middle:.0f} steps")
    if curve is None:
        steps.step(_PUT_BACK, lambda: _go(steps, focuser, float(begin["position"]), step))
        steps.require(BEST_FOCUS, "no minimum was found: too few stars, or the focus is far off; give a larger step")
        return {}
    best = round(curve.best)
    steps.say(f"sharpest at {best} steps: {curve.sharpest:.2f} px")
    steps.step(BEST_FOCUS, lambda: _go(steps, focuser, best, step))
    points_seen = [{"position": p, "fwhm_px": w} for p, w in sorted(seen.items())]
    return {"best": best, "fwhm_px": round(curve.sharpest, 3), "points": points_seen}


def _minimum(seen: dict[float, float], reach: float) -> FocusCurve | None:
    """Fit the curve around the sharpest position; None if that is the first or the last one, or the fit leaves them.

    Far out of focus faint stars drown and widths are measured too small, so the wings are left out.

    :param seen: position → width
    """
    if len(seen) < 4:
        return None
    sharpest = min(seen, key=lambda p: seen[p])
    if sharpest in (min(seen), max(seen)):
        return None
    near = [p for p in sorted(seen) if abs(p - sharpest) <= reach]
    curve = fit_focus(near, [seen[p] for p in near])
    return curve if curve is not None and min(seen) < curve.best < max(seen) else None


def focus_is_due(services: Services) -> str:
    """Say why the focus should be found anew (never found, long ago, another temperature), or nothing.

    Where it was looked for in vain, it is not looked for again at once.
    """
    with services.store.session(read_only=True) as session:
        last, tried = _last(session, BEST_FOCUS), _last(session, _PUT_BACK)
    now_s = services.clock.unix_s()
    if tried is not None and tried.ended is not None and 0 <= now_s - tried.ended.timestamp() < _PATIENCE_S:
        return ""  # clouds, or a field without stars
    if last is None or last.ended is None:
        return NEVER_FOUND
    age_s = now_s - last.ended.timestamp()
    if not 0 <= age_s < _LASTS_S:
        return f"it was found {age_s / 3600:.1f} h ago"
    # As it was last read: the tube's temperature changes slowly, and the focuser's link may be cut just now.
    read = services.devices.focuser.last_state
    before, now = last.result.get("temperature_c"), None if read is None else _state(read)["temperature_c"]
    if before is not None and now is not None and abs(now - before) > _KELVIN:
        return f"the tube is {now - before:+.1f} K from when it was found"
    return ""


def _last(session: Session, name: str) -> RecipeStep | None:
    """Give the step of a name that was done last, in whatever run."""
    done = RecipeStep.name.endswith(name), RecipeStep.status == StepStatus.DONE
    return session.scalar(select(RecipeStep).where(*done).order_by(RecipeStep.ended.desc()).limit(1))


def has_focuser(services: Services) -> bool:
    """Tell whether there is a focuser that answers."""
    try:
        return services.devices.focuser.connected
    except Missing:
        return False


def _measure(
    steps: Steps,
    name: str,
    focuser: Focuser,
    camera: Camera,
    exposure: u.Quantity,
    position: int,
    slack: int,
    place: Target,
    filter_name: str | None,
) -> dict[str, Any]:
    _go(steps, focuser, position, slack)
    context = context_of(camera, steps.services, place)
    frame, image = steps.take(Shot(camera, exposure, FrameKind.LIGHT, context, filter_name, analysed=False), name)
    look = quick_look(frame.data)
    return {"position": position, "fwhm_px": look.fwhm_px, "stars": look.stars, "path": image.path}


def _go(steps: Steps, focuser: Focuser, position: float, slack: int) -> dict[str, Any]:
    """Move there, from below; again where a cut link leaves unknown how far it came."""

    def go() -> dict[str, Any]:
        state = focuser.state()
        if state.position.value > position:
            steps.wait_for(focuser.move_to(round(max(position - slack, state.limits[0]))))
        steps.wait_for(focuser.move_to(round(position)))
        return _state(focuser.state())

    return through_cuts(focuser, go, steps.cancelled)


def _state(state: FocuserState) -> dict[str, Any]:
    temperature = None if state.temperature is None else float(state.temperature.value)
    return {"position": float(state.position.value), "limits": list(state.limits), "temperature_c": temperature}


def _high_up(services: Services) -> list[float]:
    return place_at(_HEIGHT_DEG, 180.0 if services.site.latitude_deg >= 0 else 0.0, services)
