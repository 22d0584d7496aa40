"""The sign of life: CSS says NO UPDATES once the kernel no longer restarts its animation."""

from __future__ import annotations

import ipywidgets as W

from widgets.writing import put

DEAD_AFTER_S = 4.0  # also in style.css


class Pulse:
    """Restart the page's countdown to NO UPDATES, about once a second."""

    def __init__(self, every: int = 4) -> None:
        self.widget = W.HTML()
        self.widget.add_class("pyros-pulse")
        self._every, self._calls = every, 0

    def beat(self, snapshot_age_s: float) -> None:
        """Count a refresh.

        :param snapshot_age_s: real age of what is shown; too old, and the pulse stops
        """
        if snapshot_age_s < DEAD_AFTER_S and self._calls % self._every == 0:
            mark = self._calls // self._every
            put(
                self.widget,
                value=f'<span data-beat="{mark}" title="the kernel answers no more">NO UPDATES</span>',
            )
        self._calls += 1
