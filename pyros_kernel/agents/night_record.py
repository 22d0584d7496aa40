"""What the store is told of the night's state: all of it, in order, at once or when the store is back."""

from __future__ import annotations

import logging
import time
from collections import deque

from pyros_kernel.services import Services
from pyros_kernel.store import IllegalTransition, Night, NightStatus
from pyros_kernel.store.outage import Outage
from pyros_kernel.store.patience import AWAY

logger = logging.getLogger(__name__)

_AGAIN_REAL_S = 2.0  # between two tries while the store is away: each may take seconds


class NightRecord:
    """Write down what the night's machine becomes; what the store can't take now waits for its turn."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unwritten: deque[tuple[NightStatus, str]] = deque()
        self._next_s = 0.0
        self._outage = Outage(logger, "the night's state")

    def found(self) -> tuple[NightStatus, str]:
        """Give the state that the store has of the night; one that was left unfinished is closed first."""
        with self._services.store.session() as session:
            night = session.get_one(Night, self._services.night_id)
            if night.status not in (NightStatus.CLOSED, NightStatus.DONE):
                if night.status is not NightStatus.CALIBRATING:
                    night.become(NightStatus.CLOSING, "found unfinished at start")
                night.become(NightStatus.CLOSED, "found unfinished at start")
            return night.status, night.reason

    def note(self, status: NightStatus, reason: str) -> None:
        """Write a state with its reason, and what waited before it; never raises because the store is away."""
        if self._unwritten and self._unwritten[-1][0] is status:
            self._unwritten.pop()  # only its reason is another one
        self._unwritten.append((status, reason))
        self.write()

    def write(self) -> None:
        """Write what waits, if anything does and it is time for another try."""
        if not self._unwritten or time.monotonic() < self._next_s:
            return
        try:
            self.write_now()
        except AWAY as error:
            self._next_s = time.monotonic() + _AGAIN_REAL_S
            self._outage.lasts(error)

    def write_now(self) -> None:
        """Write what waits.

        :raises sqlalchemy.exc.OperationalError: or another of :data:`~pyros_kernel.store.patience.AWAY`
        """
        while self._unwritten:
            status, reason = self._unwritten[0]
            try:
                with self._services.store.session() as session:
                    session.get_one(Night, self._services.night_id).become(status, reason)
            except IllegalTransition:  # what follows must not wait for it for ever
                logger.exception("the store did not take that the night is %s", status)
            self._unwritten.popleft()
            self._outage.over()
        self._next_s = 0.0
