"""The all-sky map: horizon, telescope, targets and Moon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets as t

from pyros_kernel.snapshot import DeviceView, Snapshot, Spot
from widgets.curves import short_name
from widgets.tones import status_tone
from widgets.words import frame, legend
from widgets.writing import put

SKY_JS = (Path(__file__).parent / "skymap.js").read_text(encoding="utf-8")
_NAMED = ("executing", "planned")
_NEXT = 6  # of the planned ones, so many are named
_SIGNS = {
    "executing": ("busy", "executing"),
    "planned": ("planned", "planned"),
    "executed": ("ok", "executed"),
    "interrupted": ("warn", "interrupted"),
    "observable": ("open", "not placed"),
}


class SkyChart(anywidget.AnyWidget):
    """Draw the sky as SVG: zenith in the middle, north up, east left; angles in degrees."""

    # The text, not the path: of a path anywidget keeps a watcher that outlives the widget.
    _esm = SKY_JS

    things = t.List().tag(sync=True)
    telescope = t.Dict().tag(sync=True)
    limit = t.Float(20.0).tag(sync=True)
    label = t.Unicode("").tag(sync=True)


class SkyMap:
    """The map, as a part of a panel."""

    def __init__(self) -> None:
        self._chart, self._legend = SkyChart(), W.HTML()
        self.widget = W.VBox([W.HTML(frame("Sky", "", "north up, east left")), self._chart, self._legend])
        self.widget.add_class("pyros-card").add_class("pyros-skymap")

    def draw(self, snapshot: Snapshot) -> None:
        """Send what moved by more than can be seen."""
        put(self._chart, **sky_traits(snapshot))
        put(self._legend, value=sky_legend(snapshot))


def sky_traits(snapshot: Snapshot) -> dict[str, Any]:
    """Give what the map draws of a snapshot."""
    if snapshot.sky is None:
        return {"things": [], "telescope": {}, "label": "Nothing is known of the sky"}
    sky, now = snapshot.sky, {s.name for s in sorted(snapshot.placed, key=_start) if s.status in _NAMED}
    named = set([s.name for s in sorted(snapshot.placed, key=_start) if s.status == "planned"][:_NEXT])
    up = [spot for spot in sky.targets if spot.altitude_deg > 0]
    things = [_thing(s, named=s.is_alert or s.status == "executing" or s.name in named) for s in up]
    if sky.moon.altitude_deg > 0:
        things.append(_thing(sky.moon, named=True))
    # What is named first finds room first: what is observed, before what is planned.
    things.sort(key=lambda thing: thing["shape"] != "executing")
    telescope = next((d for d in snapshot.devices if d.kind == "telescope"), None)
    scheduled = len(now & {s.name for s in up})
    return {
        "things": things,
        "limit": sky.min_altitude_deg,
        "telescope": _pointing(telescope),
        "label": f"Sky map: {len(up)} targets above the horizon, {scheduled} of them scheduled",
    }


def sky_legend(snapshot: Snapshot) -> str:
    """Say what the signs mean that stand in the map now."""
    if snapshot.sky is None:
        return ""
    up = [spot for spot in snapshot.sky.targets if spot.altitude_deg > 0]
    return legend(_signs(up, snapshot.sky.min_altitude_deg))


def _signs(up: list[Spot], limit_deg: float) -> list[tuple[str, str]]:
    """Tell what the signs of the map mean that stand in it now."""
    states = {spot.status for spot in up if not spot.is_alert}
    signs = [("dot alert", "alert")] if any(spot.is_alert for spot in up) else []
    signs += [(f"dot {sign}", text) for state, (sign, text) in _SIGNS.items() if state in states]
    return [*signs, ("dotted", f"limit {limit_deg:g}°")]


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
