"""The dashboard of a night."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.agents import agents_html
from widgets.alerts import alerts_html
from widgets.cameras import Cameras
from widgets.card import Card
from widgets.chart import ScheduleChart
from widgets.devices import device_card, devices_html
from widgets.header import header_html
from widgets.log import log_html
from widgets.observed import Observed
from widgets.panel import Panel
from widgets.safety import safety_html
from widgets.sequences import sequences_html
from widgets.toolbar import Toolbar
from widgets.writing import put

_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


class NightPanel(Panel):
    """Watch and command a night: site, safety, devices, schedule, alerts, agents and log.

    :param observatory: the observatory, started or not
    """

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Night panel")
        self._header = Card("header", header_html)
        self._toolbar = Toolbar(self._act, lambda: self._pending)
        self._cards = (
            ScheduleChart(),
            Card("safety", safety_html),
            Card("telescope", device_card("telescope", "Telescope")),
            Card("dome", device_card("dome", "Dome")),
            Cameras(),
            Card("sequences", sequences_html),
            Card("alerts", alerts_html),
            Card("agents", agents_html),
            Card("devices", devices_html),
            Card("log", log_html),
        )
        self._stage = _Stage([card.widget for card in self._cards])
        self._show((self._header, self._toolbar, self._stage, *self._cards), self._lay_out)

    def _lay_out(self, pulse: W.Widget, errors: W.Widget) -> Sequence[W.Widget]:
        self._root.add_class("pyros-panel")
        style = W.HTML(f"<style>{_STYLE}</style>")
        style.add_class("pyros-style")
        bar = W.HBox([self._toolbar.widget, pulse])
        bar.add_class("pyros-bar")
        return (style, self._header.widget, bar, errors, self._stage.widget)


class _Stage:
    """The grid of cards; out of the way while the observatory is stopped and they have nothing to show."""

    def __init__(self, cards: Sequence[W.Widget]) -> None:
        self.widget = W.Box(list(cards))
        self.widget.add_class("pyros-grid")

    def draw(self, snapshot: Snapshot) -> None:
        put(self.widget.layout, display="" if snapshot.running else "none")
