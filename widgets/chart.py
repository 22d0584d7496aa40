"""The schedule as a chart: altitude against time, each sequence's turn drawn heavily."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets as t

from pyros_kernel.snapshot import NightView, SequenceView, Snapshot, Spot
from widgets.hands import Act, drop, pin
from widgets.sequences import slot_text
from widgets.tones import sequence_tone
from widgets.words import esc
from widgets.writing import put

_HERE = Path(__file__).parent
_MARGIN_S = 1200.0  # what is shown before sunset and after sunrise
_STEPS = 2000  # the now-line moves in steps of about half a pixel: fewer messages


class AltitudeChart(anywidget.AnyWidget):
    """Draw curves of altitude against time as SVG; times are unix seconds, altitudes degrees."""

    # The text, not the path: of a path anywidget keeps a watcher that outlives the widget.
    _esm = (_HERE / "chart.js").read_text(encoding="utf-8")

    night = t.Dict().tag(sync=True)
    curves = t.List().tag(sync=True)
    moon = t.List().tag(sync=True)
    now_s = t.Float(0.0).tag(sync=True)
    label = t.Unicode("").tag(sync=True)
    movable = t.Bool(False).tag(sync=True)


class ScheduleChart:
    """The chart, as a part of a panel.

    :param act: gives a control's command to the observatory; with it what is planned can be dragged to another
        time (or moved with the arrow keys), and dropped with the delete key
    :param choose: told which sequence was pressed
    """

    def __init__(self, act: Act | None = None, choose: Callable[[int], None] | None = None) -> None:
        self._act, self._choose = act, choose
        self._title = W.HTML()
        self._chart = AltitudeChart(movable=act is not None)
        self._chart.on_msg(self._heard)
        self.widget = W.VBox([self._title, self._chart])
        self.widget.add_class("pyros-card").add_class("pyros-chart")
        self._drawn: tuple[object, ...] = ()

    def _heard(self, _: object, content: dict[str, Any], __: object) -> None:
        """Take what was done in the chart: a sequence pressed, moved or taken away."""
        what, sequence_id = content.get("what"), content.get("id")
        if not isinstance(sequence_id, int):
            return
        if what == "choose" and self._choose is not None:
            self._choose(sequence_id)
        elif what == "pin" and self._act is not None:
            pin(self._act, sequence_id, float(content["start_s"]))
        elif what == "drop" and self._act is not None:
            drop(self._act, sequence_id)

    def draw(self, snapshot: Snapshot) -> None:
        """Send the curves if the schedule changed, and move the now-line."""
        night = snapshot.night
        wanted = (night and limits(night), snapshot.placed, snapshot.moon_curve)
        if wanted != self._drawn:
            self._drawn = wanted
            placed = sorted(snapshot.placed, key=lambda s: s.start_s or 0.0)
            label = f"Altitude against time of {len(placed)} placed sequences"
            put(
                self._chart,
                night=limits(night) if night else {},
                curves=[curve(s) for s in placed],
                moon=[list(point) for point in snapshot.moon_curve],
                label=label,
            )
            put(self._title, value=_title(night))
        put(self._chart, now_s=_stepped(snapshot.time_s, night))


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


def short_name(sequence: SequenceView | Spot) -> str:
    """Shorten an alert's name for a chart: its satellite and number, without the type of its packet."""
    words = sequence.name.split()
    return " ".join(w for w in words if "_" not in w) or sequence.name if sequence.is_alert else sequence.name


def _stepped(time_s: float, night: NightView | None) -> float:
    if night is None:
        return 0.0
    step_s = (night.sunrise_s - night.sunset_s + 2 * _MARGIN_S) / _STEPS
    return round(time_s / step_s) * step_s if step_s > 0 else time_s


def _title(night: NightView | None) -> str:
    aside = "" if night is None else f"night {esc(night.name)} · UTC"
    return f'<div class="title"><h3>Schedule</h3><span class="aside">{aside}</span></div>'
