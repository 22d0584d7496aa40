"""A drop-down over things that come and go, with what is said of the chosen one."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as W

from widgets.writing import put

Options = Sequence[tuple[str, str]]


class Choice:
    """Keep the chosen thing chosen while the others change.

    :param description: what is chosen, beside the drop-down
    :param tooltip: the same in a sentence
    """

    def __init__(self, description: str, tooltip: str) -> None:
        self.widget = W.Dropdown(description=description, tooltip=tooltip)
        self.widget.add_class("pyros-choice")

    @property
    def key(self) -> str | None:
        """The key of the chosen one."""
        value: object = self.widget.value
        return value if isinstance(value, str) else None

    def choose(self, key: str) -> None:
        """Choose one, if it is offered."""
        if key in [known for _, known in self.widget.options]:
            self.widget.value = key

    def offer(self, options: Options) -> str | None:
        """Offer (text, key) pairs; the first is chosen if what was chosen is gone.

        :return: the key of the chosen one, None if there is nothing to choose
        """
        wanted = tuple(options)
        if tuple(self.widget.options) != wanted:
            kept = self.key
            keys = [key for _, key in wanted]
            chosen = kept if kept in keys else next(iter(keys), None)
            with self.widget.hold_sync():
                self.widget.options = wanted
                self.widget.value = chosen
        put(self.widget, disabled=not wanted)
        return self.key
