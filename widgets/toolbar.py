"""The buttons."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.controls import Control, controls
from widgets.writing import put


class Toolbar:
    """A button per command.

    :param act: gives a control's command to the observatory and returns at once
    :param pending: names the control whose slow command is still under way, or nothing
    """

    def __init__(self, act: Callable[[Control], None], pending: Callable[[], str]) -> None:
        self.widget = W.HBox()
        self.widget.add_class("pyros-toolbar")
        self._act, self._pending = act, pending
        self._buttons: dict[str, W.Button] = {}
        self._controls: dict[str, Control] = {}

    def draw(self, snapshot: Snapshot) -> None:
        """Write word, tooltip and state of each button."""
        pending = self._pending()
        for control in controls(snapshot):
            name, waits = control.name, control.name == pending
            self._controls[name] = control
            button = self._buttons.get(name) or self._button(name)
            put(
                button,
                description=f"{control.word} …" if waits else control.word,
                tooltip=f"Under way: {control.tooltip}" if waits else control.tooltip,
                disabled=waits or not control.enabled,
            )
        put(self.widget, children=tuple(self._buttons.values()))

    def _button(self, name: str) -> W.Button:
        button = self._buttons[name] = W.Button()
        button.add_class(f"pyros-{name}")

        def pressed(_: W.Button) -> None:
            self._act(self._controls[name])

        button.on_click(pressed)
        return button
