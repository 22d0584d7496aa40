"""What the chart of the schedule draws, as plain values: curves, turns, limits of the night, and its signs."""

from __future__ import annotations

from typing import Any

from pyros_kernel.snapshot import NightView, SequenceView, Snapshot, Spot
from widgets.sequences import slot_text
from widgets.tones import sequence_tone
from widgets.words import esc, legend

_MARGIN_S = 1200.0  # what is shown before sunset and after sunrise
_STEPS = 2000  # the now-line moves in steps of about half a pixel: fewer messages
_SIGNS = {
    "executed": "ok",
    "executing": "busy",
    "planned": "planned",
    "interrupted": "warn",
    "failed": "bad",
    "cancelled": "warn",
}


def schedule_traits(snapshot: Snapshot) -> dict[str, Any]:
    """Give what the chart draws of a snapshot, but for the now-line."""
    placed = sorted(snapshot.placed, key=lambda s: s.start_s or 0.0)
    return {
        "night": limits(snapshot.night) if snapshot.night else {},
        "curves": [curve(s) for s in placed],
        "moon": [list(point) for point in snapshot.moon_curve],
        "label": f"Altitude against time of {len(placed)} placed sequences",
    }


def now_line(snapshot: Snapshot) -> float:
    """Give the time of the now-line, in steps that can be seen."""
    night, time_s = snapshot.night, snapshot.time_s
    if night is None:
        return 0.0
    step_s = (night.sunrise_s - night.sunset_s + 2 * _MARGIN_S) / _STEPS
    return round(time_s / step_s) * step_s if step_s > 0 else time_s


def limits(night: NightView) -> dict[str, float]:
    """Give the times of a night that the chart shows."""
    return {
        "from_s": night.sunset_s - _MARGIN_S,
        "sunset_s": night.sunset_s,
        "dusk_s": night.dusk_s,
        "dawn_s": night.dawn_s,
        "sunrise_s": night.sunrise_s,
        "to_s": night.sunrise_s + _MARGIN_S,
    }


def curve(sequence: SequenceView) -> dict[str, Any]:
    """Give what the chart draws of a sequence; the chart sets texts as text, never as markup."""
    kind = "alert, " if sequence.is_alert else ""
    pinned = "pinned, " if sequence.pinned else ""
    title = f"{sequence.name} ({sequence.programme}): {kind}{pinned}{sequence.status}, {slot_text(sequence)} UTC"
    return {
        "id": sequence.id,
        "name": short_name(sequence),
        "title": f"{title}\n{sequence.reason}" if sequence.reason else title,
        "tone": sequence_tone(sequence),
        "status": sequence.status,
        "pinned": sequence.pinned,
        "start_s": sequence.start_s,
        "end_s": sequence.end_s,
        "points": [list(point) for point in sequence.curve],
    }


def schedule_legend(snapshot: Snapshot) -> str:
    """Say what the signs mean that stand in the chart now."""
    if snapshot.night is None:
        return ""
    states = {s.status for s in snapshot.placed if not s.is_alert}
    signs = [(f"bar {sign}", state) for state, sign in _SIGNS.items() if state in states]
    if any(s.is_alert for s in snapshot.placed):
        signs.append(("bar alert", "alert"))
    if any(s.pinned for s in snapshot.placed):
        signs.append(("bar pinned", "pinned"))
    return legend([*signs, ("dashes", "Moon")] if snapshot.moon_curve else signs)


def schedule_title(night: NightView | None) -> str:
    """Write the chart's title."""
    aside = "" if night is None else f"night {esc(night.name)} · UTC"
    return f'<div class="title"><h3>Schedule</h3><span class="aside">{aside}</span></div>'


def short_name(sequence: SequenceView | Spot) -> str:
    """Shorten an alert's name for a chart: its satellite and number, without the type of its packet."""
    words = sequence.name.split()
    return " ".join(w for w in words if "_" not in w) or sequence.name if sequence.is_alert else sequence.name
