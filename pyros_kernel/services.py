"""What the work of a night needs, in one place: handed to agents and tasks, never looked up globally."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pyros_kernel.clock import Clock
from pyros_kernel.devices import Devices
from pyros_kernel.images import ImageArchive, StarSource
from pyros_kernel.logbook import Logbook
from pyros_kernel.safety import SafetyWatch
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import Site, Store


@dataclass
class Services:
    """The open observatory, below its agents.

    :param site: the site's row, detached from its session
    :param night_id: the night that is observed
    :param sky: ephemeris of that night
    :param started: (unix seconds of the observatory, real ``time.monotonic()``) when it was started
    :param stars: what a catalogue knows of a field, to find where an image points
    :param pointing: held by whoever decides about the next slew and sends it, so that work that was just
        cancelled can't send its own after an alert's
    """

    settings: Settings
    clock: Clock
    store: Store
    site: Site
    devices: Devices
    safety: SafetyWatch
    archive: ImageArchive
    sky: Sky
    logbook: Logbook
    night_id: int
    night_name: str
    started: tuple[float, float]
    stars: StarSource
    pointing: threading.Lock = field(default_factory=threading.Lock)
