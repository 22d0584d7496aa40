"""The dashboard of a night."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as W

from widgets.agents import agents_html
from widgets.alerts import alerts_html
from widgets.cameras import Cameras
from widgets.card import Card
from widgets.chart import ScheduleChart
from widgets.current import current_html
from widgets.devices import device_card, devices_html
from widgets.header import header_html
from widgets.log import log_html
from widgets.observed import Observed
from widgets.panel import Panel
from widgets.safety import safety_in_short_html
from widgets.sequences import sequences_html
from widgets.skymap import SkyMap
from widgets.stage import Stage
from widgets.style import style_sheet
from widgets.toolbar import Toolbar


class NightPanel(Panel):
    """Watch and command a night: site, safety, what runs, devices, sky, schedule, alerts, agents and log.

    :param observatory: the observatory, started or not
    """

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Night panel")
        self._header = Card("header", header_html)
        self._toolbar = Toolbar(self._act, lambda: self._pending)
        self._cards = (
            ScheduleChart(),
            Card("safety", safety_in_short_html),
            Card("current", current_html),
            Card("telescope", device_card("telescope", "Telescope")),
            Card("dome", device_card("dome", "Dome")),
            Cameras(),
            SkyMap(),
            Card("sequences", sequences_html),
            Card("alerts", alerts_html),
            Card("agents", agents_html),
            Card("devices", devices_html),
            Card("log", log_html),
        )
        self._stage = Stage([card.widget for card in self._cards])
        self._show((self._header, self._toolbar, self._stage, *self._cards), self._lay_out)

    def _lay_out(self, pulse: W.Widget, errors: W.Widget) -> Sequence[W.Widget]:
        bar = W.HBox([self._toolbar.widget, pulse])
        bar.add_class("pyros-bar")
        return (style_sheet(), self._header.widget, bar, errors, self._stage.widget)
