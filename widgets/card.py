"""Parts of a panel: something that draws itself from a snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.writing import put

_NO_DIGITS = str.maketrans("", "", "0123456789")
_NUMBERS_REAL_S = 0.9  # the eye reads no number that changes more often, and each change is a message


class Part(Protocol):
    """A part of a panel; only the panel's own refresh may call :meth:`draw`, one thread at a time."""

    @property
    def widget(self) -> W.DOMWidget:
        """The widget to place in a panel."""
        ...

    def draw(self, snapshot: Snapshot) -> None:
        """Write what changed."""
        ...


class Calm:
    """Write HTML to a widget: words at once, but numbers that run no more than about once a second.

    On a fast clock every age and angle changes at every look; what changes only in its digits can wait.
    """

    def __init__(self, widget: W.HTML) -> None:
        self._widget = widget
        self._words = ""
        self._written_real_s = -_NUMBERS_REAL_S

    def write(self, html: str) -> None:
        """Write it now if it says something else, later if only its numbers ran on."""
        if html == self._widget.value:
            return
        words, now_s = html.translate(_NO_DIGITS), time.monotonic()
        if words != self._words or now_s - self._written_real_s >= _NUMBERS_REAL_S:
            self._words, self._written_real_s = words, now_s
            put(self._widget, value=html)


class Card:
    """A part that is a pure function from snapshot to HTML.

    :param name: CSS class, which gives the part its place in a panel
    :param write: makes the HTML, every text in it escaped
    """

    def __init__(self, name: str, write: Callable[[Snapshot], str]) -> None:
        self.widget = W.HTML()
        self.widget.add_class("pyros-card").add_class(f"pyros-{name}")
        self._write, self._calm = write, Calm(self.widget)

    def draw(self, snapshot: Snapshot) -> None:
        """Write the HTML if it changed."""
        self._calm.write(self._write(snapshot))
