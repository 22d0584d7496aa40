"""The grid of cards."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.writing import put


class Stage:
    """Hold cards in a grid; out of the way while the observatory is stopped and they have nothing to show."""

    def __init__(self, cards: Sequence[W.Widget]) -> None:
        self.widget = W.Box(list(cards))
        self.widget.add_class("pyros-grid")

    def draw(self, snapshot: Snapshot) -> None:
        """Show or hide it."""
        put(self.widget.layout, display="" if snapshot.running else "none")
