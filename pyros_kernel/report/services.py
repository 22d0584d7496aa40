"""What report and summary need of the observatory."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pyros_kernel.clock import Clock
from pyros_kernel.scheduling import Sky
from pyros_kernel.store import Site, Store


class Where(Protocol):
    """Where an observatory keeps its things."""

    @property
    def data(self) -> Path:
        """The data directory."""
        ...


class ReportServices(Protocol):
    """What report and summary need of the observatory."""

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    @property
    def site(self) -> Site:
        """The site's row."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def settings(self) -> Where:
        """Where things are."""
        ...

    @property
    def sky(self) -> Sky:
        """Ephemeris of the night."""
        ...

    @property
    def started(self) -> tuple[float, float]:
        """When the observatory was started: (its own unix seconds, real ``time.monotonic()``)."""
        ...
