"""The buttons."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.controls import Control, controls
from widgets.observed import Observed
from widgets.writing import put

Act = Callable[[str, Callable[[Observed], object]], None]


class Toolbar:
    """A button per command.

    :param act: gives a command (with its word) to the observatory and returns at once
    """

    def __init__(self, act: Act) -> None:
        self.buttons: dict[str, W.Button] = {}
        self.widget = W.HBox()
        self.widget.add_class("pyros-toolbar")
        self._act = act
        self._controls: dict[str, Control] = {}

    def draw(self, snapshot: Snapshot) -> None:
        """Write word, tooltip and state of each button."""
        for control in controls(snapshot):
            self._controls[control.name] = control
            button = self.buttons.get(control.name)
            if button is None:
                button = self.buttons[control.name] = self._button(control.name)
            put(button, description=control.word, tooltip=control.tooltip, disabled=not control.enabled)
        put(self.widget, children=tuple(self.buttons.values()))

    def _button(self, name: str) -> W.Button:
        button = W.Button()
        button.add_class(f"pyros-{name}")

        def pressed(_: W.Button) -> None:
            control = self._controls[name]
            self._act(control.word, control.command)

        button.on_click(pressed)
        return button
