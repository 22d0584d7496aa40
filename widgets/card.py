"""Parts of a panel: something that draws itself from a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.writing import put


class Part(Protocol):
    """A part of a panel; only the panel's own refresh may call :meth:`draw`, one thread at a time."""

    @property
    def widget(self) -> W.DOMWidget:
        """The widget to place in a panel."""
        ...

    def draw(self, snapshot: Snapshot) -> None:
        """Write what changed."""
        ...


class Card:
    """A part that is a pure function from snapshot to HTML.

    :param name: CSS class, which gives the part its place in a panel
    :param write: makes the HTML, every text in it escaped
    """

    def __init__(self, name: str, write: Callable[[Snapshot], str]) -> None:
        self.widget = W.HTML()
        self.widget.add_class("pyros-card").add_class(f"pyros-{name}")
        self._write = write

    def draw(self, snapshot: Snapshot) -> None:
        """Write the HTML if it changed."""
        put(self.widget, value=self._write(snapshot))
