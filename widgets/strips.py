"""The weather of the last hours as strips, each with its limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets as t

from pyros_kernel.snapshot import Snapshot, Strip
from widgets.words import frame, nothing, span_text
from widgets.writing import put

STRIPS_JS = (Path(__file__).parent / "strips.js").read_text(encoding="utf-8")
_STEP_S = 600.0


class StripChart(anywidget.AnyWidget):
    """Draw quantities against time as SVG; times are unix seconds."""

    # The text, not the path: of a path anywidget keeps a watcher that outlives the widget.
    _esm = STRIPS_JS

    strips = t.List().tag(sync=True)
    label = t.Unicode("").tag(sync=True)


class WeatherStrips:
    """The strips, as a part of a panel; sent again when the store has something new, or nothing for long."""

    def __init__(self) -> None:
        self._title, self._chart = W.HTML(), StripChart()
        self.widget = W.VBox([self._title, self._chart])
        self.widget.add_class("pyros-card").add_class("pyros-weather")
        self._drawn: tuple[object, ...] = ()

    def draw(self, snapshot: Snapshot) -> None:
        """Send the strips if they changed."""
        strips = _filled(snapshot)
        ages = tuple(_old(s, snapshot.time_s) for s in strips)
        if self._drawn == (strips, ages):
            return
        self._drawn = strips, ages
        put(self._chart, **strips_traits(snapshot))
        put(self._title, value=strips_title(snapshot))


def strips_traits(snapshot: Snapshot) -> dict[str, Any]:
    """Give the values of a chart's traits."""
    strips = _filled(snapshot)
    label = "Weather over the last hours: " + ", ".join(s.quantity.replace("_", " ") for s in strips)
    return {"strips": [_plain(s, _old(s, snapshot.time_s)) for s in strips], "label": label}


def strips_title(snapshot: Snapshot) -> str:
    """Write the title, with what the strips span."""
    strips = _filled(snapshot)
    if not strips:
        return frame("Weather", nothing("Nothing of the weather is in the store yet."))
    span_s = max(s.points[-1][0] for s in strips) - min(s.points[0][0] for s in strips)
    return frame("Weather", "", f"last {span_text(span_s)} · UTC")


def _filled(snapshot: Snapshot) -> tuple[Strip, ...]:
    return tuple(s for s in snapshot.weather if s.points)


def _old(strip: Strip, now_s: float) -> str:
    """Tell the age of the last value if that is more than the strip's own rhythm explains, in steps of ten minutes."""
    (first_s, _), (last_s, _) = strip.points[0], strip.points[-1]
    rhythm_s = (last_s - first_s) / max(1, len(strip.points) - 1)
    age_s = now_s - last_s
    return span_text(_STEP_S * (age_s // _STEP_S)) if age_s > max(_STEP_S, 4 * rhythm_s) else ""


def _plain(strip: Strip, old: str) -> dict[str, Any]:
    return {
        "name": strip.quantity,
        "unit": strip.unit,
        "points": [list(point) for point in strip.points],
        "limit": strip.limit,
        "upper": strip.upper,
        "old": old,
    }
