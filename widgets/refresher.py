"""The one thread that keeps all open panels fresh."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

logger = logging.getLogger(__name__)


class Refreshable(Protocol):
    """A panel that can be drawn anew."""

    def refresh(self) -> None:
        """Draw what changed."""
        ...


class Refresher:
    """Refresh the panels that are open, a few times a second; the thread lives only while there are any.

    A thread, because the kernel's event loop stands still while a cell runs.

    :param period_s: real seconds between two refreshes
    """

    def __init__(self, period_s: float = 0.25) -> None:
        self.period_s = period_s
        self._lock = threading.Lock()
        self._panels: list[Refreshable] = []
        self._thread: threading.Thread | None = None
        self._poked = threading.Event()

    @property
    def panels(self) -> tuple[Refreshable, ...]:
        """The panels that are open."""
        with self._lock:
            return tuple(self._panels)

    def add(self, panel: Refreshable) -> None:
        """Keep a panel fresh from now on."""
        with self._lock:
            if panel not in self._panels:
                self._panels.append(panel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pyros-refresher", daemon=True)
                self._thread.start()

    def remove(self, panel: Refreshable) -> None:
        """Forget a panel; with the last one the thread ends."""
        with self._lock:
            if panel in self._panels:
                self._panels.remove(panel)
        self._poked.set()

    def poke(self) -> None:
        """Refresh now, so that a click shows at once."""
        self._poked.set()

    def _run(self) -> None:
        while True:
            self._poked.wait(self.period_s)
            self._poked.clear()
            with self._lock:
                panels = tuple(self._panels)
                if not panels:
                    self._thread = None
                    return
            for panel in panels:
                try:
                    panel.refresh()
                except Exception:
                    # One broken panel must not stop the others.
                    logger.exception("%r could not be refreshed", panel)


refresher = Refresher()
