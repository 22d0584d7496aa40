"""The all-sky map: horizon, telescope, targets and Moon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets as t

from pyros_kernel.snapshot import DeviceView, Snapshot, Spot
from widgets.chart import short_name
from widgets.tones import status_tone
from widgets.words import frame
from widgets.writing import put

_HERE = Path(__file__).parent
_NAMED = ("executing", "planned")
_NEXT = 6  # of the planned ones, so many are named


class SkyChart(anywidget.AnyWidget):
    """Draw the sky as SVG: zenith in the middle, north up, east left; angles in degrees."""

    # The text, not the path: of a path anywidget keeps a watcher that outlives the widget.
    _esm = (_HERE / "skymap.js").read_text(encoding="utf-8")

    things = t.List().tag(sync=True)
    telescope = t.Dict().tag(sync=True)
    limit = t.Float(20.0).tag(sync=True)
    label = t.Unicode("").tag(sync=True)


class SkyMap:
    """The map, as a part of a panel."""

    def __init__(self) -> None:
        self._chart = SkyChart()
        self.widget = W.VBox([W.HTML(frame("Sky", "", "north up, east left")), self._chart])
        self.widget.add_class("pyros-card").add_class("pyros-skymap")

    def draw(self, snapshot: Snapshot) -> None:
        """Send what moved by more than can be seen."""
        if snapshot.sky is None:
            put(self._chart, things=[], telescope={}, label="Nothing is known of the sky")
            return
        sky, now = snapshot.sky, {s.name for s in sorted(snapshot.placed, key=_start) if s.status in _NAMED}
        named = set([s.name for s in sorted(snapshot.placed, key=_start) if s.status == "planned"][:_NEXT])
        up = [spot for spot in sky.targets if spot.altitude_deg > 0]
        things = [_thing(s, named=s.is_alert or s.status == "executing" or s.name in named) for s in up]
        if sky.moon.altitude_deg > 0:
            things.append(_thing(sky.moon, named=True))
        telescope = next((d for d in snapshot.devices if d.kind == "telescope"), None)
        label = f"Sky map: {len(up)} targets above the horizon, {len(now & {s.name for s in up})} of them scheduled"
        put(
            self._chart,
            things=things,
            limit=sky.min_altitude_deg,
            telescope=_pointing(telescope),
            label=label,
        )


def _start(sequence: Any) -> float:
    return sequence.start_s or 0.0


def _thing(spot: Spot, *, named: bool) -> dict[str, Any]:
    return {
        "name": short_name(spot),
        "title": f"{spot.name}: {spot.status}, altitude {spot.altitude_deg:.0f}°, azimuth {spot.azimuth_deg:.0f}°",
        "tone": status_tone(spot.status, is_alert=spot.is_alert),
        "altitude": spot.altitude_deg,
        "azimuth": spot.azimuth_deg,
        "named": named,
        "shape": "moon" if spot.status == "moon" else spot.status,
    }


def _pointing(telescope: DeviceView | None) -> dict[str, Any]:
    if telescope is None or "altitude" not in telescope.values or "azimuth" not in telescope.values:
        return {}
    altitude, azimuth = round(telescope.values["altitude"], 1), round(telescope.values["azimuth"], 1)
    old = ", not heard of lately" if telescope.stale or not telescope.connected else ""
    title = f"{telescope.name} points at altitude {altitude:.0f}°, azimuth {azimuth:.0f}°{old}"
    return {"altitude": max(0.0, altitude), "azimuth": azimuth, "title": title}
