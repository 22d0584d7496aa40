"""Restart an agent by hand."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.choice import Choice
from widgets.controls import Control
from widgets.words import frame
from widgets.writing import put


class Roster:
    """Choose an agent and restart it; the new one takes over the messages that waited.

    :param act: gives a control's command to the observatory and returns at once
    :param pending: names the control whose slow command is still under way, or nothing
    """

    def __init__(self, act: Callable[[Control], None], pending: Callable[[], str]) -> None:
        self._act, self._pending = act, pending
        self._choice = Choice("Agent", "The agent to restart")
        self._button = W.Button(description="Restart")
        self._button.add_class("pyros-restart")
        self._button.on_click(self._restart)
        row = W.HBox([self._choice.widget, self._button])
        row.add_class("pyros-row")
        self.widget = W.VBox([W.HTML(frame("Restart", "")), row])
        self.widget.add_class("pyros-card").add_class("pyros-roster")

    def draw(self, snapshot: Snapshot) -> None:
        """Offer the agents."""
        chosen = self._choice.offer([(f"{a.name} · {a.state}", a.name) for a in snapshot.agents])
        waits = self._pending() == "restart"
        why_not = "The observatory is stopped" if not snapshot.running else "" if chosen else "No agent runs"
        put(
            self._button,
            description="Restart …" if waits else "Restart",
            disabled=waits or bool(why_not),
            tooltip=why_not or "End this agent and start a new one, which takes over the messages that waited",
        )

    def _restart(self, _: W.Button) -> None:
        name = self._choice.key
        if name is not None:
            what = f"Restart {name}"
            self._act(Control("restart", what, True, what, lambda o: o.agents.restart(name), slow=True))
