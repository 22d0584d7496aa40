"""The error bar: what went wrong in the observatory and in the panel itself."""

from __future__ import annotations

from collections import deque

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.words import esc
from widgets.writing import put


class ErrorBar:
    """Show errors until they are dismissed; empty and out of the way while there are none."""

    def __init__(self) -> None:
        self._text = W.HTML()
        self._dismiss = W.Button(description="Dismiss", tooltip="Take the panel's own errors away")
        self._dismiss.on_click(self._forget)
        self.widget = W.HBox([self._text, self._dismiss])
        self.widget.add_class("pyros-errors")
        self._own: deque[str] = deque(maxlen=4)

    @property
    def own(self) -> tuple[str, ...]:
        """The panel's own errors, oldest first."""
        return tuple(self._own)

    def note(self, text: str) -> None:
        """Add an error of the panel, from any thread; the same one twice is shown once."""
        if text not in self._own:
            self._own.append(text)

    def _forget(self, _: W.Button) -> None:
        self._own.clear()

    def draw(self, snapshot: Snapshot | None) -> None:
        """Write the errors of the observatory, then the panel's own."""
        own = self.own
        texts = (*(snapshot.errors if snapshot else ()), *own)
        items = "".join(f"<li>{esc(text)}</li>" for text in texts)
        put(self._text, value=f'<ul role="alert">{items}</ul>' if texts else "")
        put(self._dismiss.layout, display="" if own else "none")
        put(self.widget.layout, display="" if texts else "none")
