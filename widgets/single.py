"""Panels that show one thing closely; each stands alone."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as W

from widgets.agents import agents_html
from widgets.alerts import alerts_html
from widgets.card import Card, Part
from widgets.chart import ScheduleChart
from widgets.command import CommandDesk
from widgets.commands import Commands
from widgets.devices import device_card, devices_html
from widgets.frame_view import FrameViews
from widgets.header import header_html
from widgets.inbox import Desk
from widgets.log import log_html
from widgets.observed import Observed
from widgets.panel import Panel
from widgets.plan import plan_html
from widgets.roster import Roster
from widgets.rules import rules_html
from widgets.safety import safety_html
from widgets.sequences import sequences_html
from widgets.skymap import SkyMap
from widgets.stage import Stage
from widgets.strips import WeatherStrips
from widgets.style import style_sheet
from widgets.tasks import Revoker, tasks_html
from widgets.why import Why


class SinglePanel(Panel):
    """Lay out a few parts below a line that says whose they are.

    :param name: what it is called, e.g. ``Telescope panel``
    """

    def __init__(self, observatory: Observed, name: str) -> None:
        super().__init__(observatory, name)
        self._root.add_class("pyros-single")
        self._line = Card("line", header_html)
        self._cards = self.parts()
        self._stage = Stage([card.widget for card in self._cards])
        self._show((self._line, self._stage, *self._cards), self._lay_out)

    def parts(self) -> tuple[Part, ...]:
        """Make the parts of this panel; each kind of panel says which."""
        raise NotImplementedError

    def _lay_out(self, pulse: W.Widget, errors: W.Widget) -> Sequence[W.Widget]:
        return (style_sheet(), self._line.widget, pulse, errors, self._stage.widget)


class TelescopePanel(SinglePanel):
    """The telescope, and where in the sky it points."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Telescope panel")

    def parts(self) -> tuple[Part, ...]:
        """Telescope and sky."""
        return Card("telescope", device_card("telescope", "Telescope")), SkyMap()


class CameraPanel(SinglePanel):
    """Each camera's last frame, its histogram and figures."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Camera panel")

    def parts(self) -> tuple[Part, ...]:
        """The cameras."""
        return (FrameViews(),)


class CommandsPanel(SinglePanel):
    """Single commands to the instruments, a form for each line of their language."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Commands panel")

    def parts(self) -> tuple[Part, ...]:
        """The form, and what the devices last said."""
        commands = Commands(self._act, lambda: self.observatory.by_hand.devices)
        return commands, Card("devices", devices_html)


class WeatherPanel(SinglePanel):
    """Dome and weather: the verdict's reasons, the dome, and the last hours."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Weather panel")

    def parts(self) -> tuple[Part, ...]:
        """Verdict, dome and strips."""
        return Card("safety", safety_html), Card("dome", device_card("dome", "Dome")), WeatherStrips()


class SchedulePanel(SinglePanel):
    """The schedule, why each sequence has its place or none, and changing it."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Schedule panel")

    def parts(self) -> tuple[Part, ...]:
        """Chart, plan, list and reasons."""
        why = Why(self._act)
        chart = ScheduleChart(self._act, why.choose, why.chosen)
        return chart, why, Card("sequences", sequences_html), Card("plan", plan_html)


class AlertsPanel(SinglePanel):
    """The inbox, what each alert became, and sending one by hand."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Alerts panel")

    def parts(self) -> tuple[Part, ...]:
        """Inbox and desk."""
        return Card("alerts", alerts_html), Desk(self._act)


class AgentsPanel(SinglePanel):
    """The agents, and restarting one."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Agents panel")

    def parts(self) -> tuple[Part, ...]:
        """The table, the restart, and the log."""
        return Card("agents", agents_html), Roster(self._act, lambda: self._pending), Card("log", log_html)


class TasksPanel(SinglePanel):
    """The tasks and their queues, and taking one back."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Tasks panel")

    def parts(self) -> tuple[Part, ...]:
        """The table, the revoking, and the log."""
        return Card("tasks", tasks_html), Revoker(self._act, lambda: self._pending), Card("log", log_html)


class SafetyPanel(SinglePanel):
    """The verdict, the rules it is made of, and who commands."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Safety panel")

    def parts(self) -> tuple[Part, ...]:
        """Verdict, control lease and rules."""
        desk = CommandDesk(self._act, lambda: self._pending, lambda: self.observatory.lease)
        return Card("safety", safety_html), desk, Card("rules", rules_html)


class DevicesPanel(SinglePanel):
    """All devices."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Devices panel")

    def parts(self) -> tuple[Part, ...]:
        """The table."""
        return (Card("devices", devices_html),)


class LogPanel(SinglePanel):
    """The observatory's log."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Log panel")

    def parts(self) -> tuple[Part, ...]:
        """The log."""
        return (Card("log", log_html),)


class SkyPanel(SinglePanel):
    """The all-sky map."""

    def __init__(self, observatory: Observed) -> None:
        super().__init__(observatory, "Sky panel")

    def parts(self) -> tuple[Part, ...]:
        """The map."""
        return (SkyMap(),)
