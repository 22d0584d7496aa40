"""The schedule as a chart: altitude against time, each sequence's turn drawn heavily."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets as t

from pyros_kernel.snapshot import SequenceView, Snapshot
from widgets.curves import limits, now_line, schedule_legend, schedule_title, schedule_traits, short_name
from widgets.hands import Act, drop, pin
from widgets.writing import put

CHART_JS = (Path(__file__).parent / "chart.js").read_text(encoding="utf-8")


class AltitudeChart(anywidget.AnyWidget):
    """Draw curves of altitude against time as SVG; times are unix seconds, altitudes degrees."""

    # The text, not the path: of a path anywidget keeps a watcher that outlives the widget.
    _esm = CHART_JS

    night = t.Dict().tag(sync=True)
    curves = t.List().tag(sync=True)
    moon = t.List().tag(sync=True)
    chosen = t.Dict().tag(sync=True)
    now_s = t.Float(0.0).tag(sync=True)
    label = t.Unicode("").tag(sync=True)
    movable = t.Bool(False).tag(sync=True)


class ScheduleChart:
    """The chart, as a part of a panel.

    :param act: gives a control's command to the observatory; with it what is planned can be dragged to another
        time (or moved with the arrow keys), and dropped with the delete key
    :param choose: told which sequence was pressed
    :param chosen: gives the sequence to point out; one without a place is drawn with the altitude it needs
    """

    def __init__(
        self,
        act: Act | None = None,
        choose: Callable[[int], None] | None = None,
        chosen: Callable[[Snapshot], SequenceView | None] | None = None,
    ) -> None:
        self._act, self._choose, self._chosen = act, choose, chosen
        self._title, self._legend = W.HTML(), W.HTML()
        self._chart = AltitudeChart(movable=act is not None)
        self._chart.on_msg(self._heard)
        self.widget = W.VBox([self._title, self._chart, self._legend])
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
            put(self._chart, **schedule_traits(snapshot))
            put(self._title, value=schedule_title(night))
            put(self._legend, value=schedule_legend(snapshot))
        chosen = None if self._chosen is None else self._chosen(snapshot)
        put(self._chart, chosen=_pointed_out(chosen), now_s=now_line(snapshot))


def _pointed_out(sequence: SequenceView | None) -> dict[str, Any]:
    if sequence is None:
        return {}
    placed = sequence.start_s is not None
    return {
        "id": sequence.id,
        "name": short_name(sequence),
        "points": [] if placed else [list(point) for point in sequence.curve],
        "min_altitude": sequence.min_altitude_deg,
    }
