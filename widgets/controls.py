"""What the buttons do, when each may be pressed, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyros_kernel.snapshot import Snapshot
from widgets.observed import Observed
from widgets.safety import why_not_safe

_BY_HAND = "by hand, in the panel"
_UNDER_WAY = ("waiting", "opening", "observing", "paused")


@dataclass(frozen=True, slots=True)
class Control:
    """A button: its word, what it does, and the tooltip that says so, or why it may not be pressed now.

    :param slow: whether the command takes seconds: then it runs beside, and the button waits for it
    """

    name: str
    word: str
    enabled: bool
    tooltip: str
    command: Callable[[Observed], object]
    slow: bool = False


def controls(snapshot: Snapshot) -> tuple[Control, ...]:
    """Tell the state of every button: start, pause, resume, stop night, abort."""
    return (_start(snapshot), _pause(snapshot), _resume(snapshot), _stop_night(snapshot), _abort(snapshot))


def _status(s: Snapshot) -> str:
    return s.night.status if s.running and s.night else ""


def _start(s: Snapshot) -> Control:
    if not s.running:
        tooltip = "Open the store, the devices and the agents"
        return Control("start", "Start", True, tooltip, lambda o: o.start(), slow=True)
    status = _status(s)
    if status in ("", "closed", "done"):
        unsafe = why_not_safe(s.verdict)
        tooltip = "Begin the night: the dome opens when it is dark" + (
            f"; now it would wait, {unsafe}" if unsafe else ""
        )
        return Control("start", "Start night", True, tooltip, lambda o: o.observe())
    return Control("start", "Start night", False, f"The night has begun: it is {status}", lambda o: o.observe())


def _pause(s: Snapshot) -> Control:
    why = _not_under_way(s)
    if not why and s.night and s.night.status == "paused":
        why = f"Paused already: {s.night.reason}" if s.night.reason else "Paused already"
    return Control(
        "pause",
        "Pause",
        not why,
        why or "Interrupt what runs and hold; the dome stays open while it is safe",
        lambda o: o.pause(_BY_HAND),
    )


def _resume(s: Snapshot) -> Control:
    why = _not_under_way(s)
    if not why and _status(s) != "paused":
        why = "Nothing is paused"
    if not why and (unsafe := why_not_safe(s.verdict)):
        why = unsafe[0].upper() + unsafe[1:]
    return Control("resume", "Resume", not why, why or "Go on observing", lambda o: o.resume())


def _stop_night(s: Snapshot) -> Control:
    why = _not_under_way(s)
    return Control(
        "stop",
        "Stop night",
        not why,
        why or "End the night: interrupt, park, close",
        lambda o: o.stop_night(_BY_HAND),
    )


def _abort(s: Snapshot) -> Control:
    why = "" if s.running else "The observatory is stopped"
    return Control(
        "abort", "Abort", not why, why or "Stop all motion and exposures now, and hold", lambda o: o.abort(_BY_HAND)
    )


def _not_under_way(s: Snapshot) -> str:
    if not s.running:
        return "The observatory is stopped"
    status = _status(s)
    if status in ("", "closed", "done"):
        return "No night is under way"
    return "" if status in _UNDER_WAY else f"The night is ending: it is {status}"
