"""How a recipe shares the telescope with the night: it borrows it, and gives it back.

A recipe opens nothing.  One that looks at the sky asks the Majordome to pause once the night observes, and works
while the pause is its own and nothing else holds the night; weather, a hand's pause or an alert take the telescope
away at once, and it waits until it may go on.  One that needs the dome closed works while no night is under way,
or keeps a waiting one from opening.  Everything is read from the night's row, which the machine writes before it
acts; no message can be lost.  See docs/decisions/ on how recipes share the telescope.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from instruments import InstrumentError, Shutter
from pyros_kernel.devices import Missing
from pyros_kernel.recipes.alerts import waiting_alert
from pyros_kernel.recipes.errors import RecipeInterrupted, Refused
from pyros_kernel.services import Services
from pyros_kernel.store import Night, NightStatus
from pyros_kernel.store.night import PAUSED_BY_HAND

_ALERT_REAL_S = 0.4
_BEGIN_REAL_S = 2.0  # obs.observe() in the line before may not have been acted on yet
_ASK_AGAIN_REAL_S = 1.0  # the first wish may cross another one, and be lost
_OVER = (NightStatus.CLOSING, NightStatus.CALIBRATING, NightStatus.CLOSED, NightStatus.DONE)


class Needs(StrEnum):
    """What a recipe needs of the night."""

    SKY = "sky"  # an open dome and the telescope
    CLOSED = "closed"  # the cameras, with the dome closed
    NOTHING = "nothing"  # neither


class Loan(Protocol):
    """What a run asks about the telescope."""

    def why_not(self) -> str:
        """Say why the recipe may not work now, or nothing.

        :raises Refused: if it never will
        :raises RecipeInterrupted: if it won't before the next night
        """
        ...

    def let_go(self) -> None:
        """Give it back if something goes first; to be called while nothing of the recipe runs on the instruments."""
        ...

    def give_back(self) -> None:
        """Let the night go on."""
        ...


class Free:
    """Nothing is needed, so nothing is borrowed."""

    def why_not(self) -> str:
        """Say nothing: it may always work."""
        return ""

    def let_go(self) -> None:
        """Do nothing."""

    def give_back(self) -> None:
        """Do nothing."""


class NightLoan:
    """Borrow the telescope, or the cameras, from the night.

    :param pause: asks the Majordome to pause, with a reason; None where it can't be reached (in a worker)
    :param resume: asks it to go on
    """

    def __init__(
        self,
        services: Services,
        needs: Needs,
        name: str,
        pause: Callable[[str], object] | None,
        resume: Callable[[], object] | None,
    ) -> None:
        self._services, self._needs = services, needs
        self._pause, self._resume = pause, resume
        self._mine = f"recipe {name}"
        self._refuse_real_s = time.monotonic() + _BEGIN_REAL_S
        self._asked = False
        self._in_the_way = False  # of an alert, or of the dome: to be given back once nothing runs
        self._asked_real_s = 0.0
        self._had = False
        self._alert: int | None = None
        self._alert_looked_real_s = 0.0

    def why_not(self) -> str:
        """Say why the recipe may not work now, and ask for what is missing."""
        status, reason = self._night()
        return self._sky(status, reason) if self._needs is Needs.SKY else self._closed(status, reason)

    def let_go(self) -> None:
        """Give it back if something goes first; to be called while nothing of the recipe runs on the instruments."""
        if self._in_the_way:
            self.give_back()

    def give_back(self) -> None:
        """Let the night go on, unless somebody else holds it by now."""
        asked, self._asked, self._in_the_way = self._asked, False, False
        _, reason = self._night()
        others = reason.startswith(PAUSED_BY_HAND) and reason != PAUSED_BY_HAND + self._mine
        if asked and self._resume is not None and not others:
            _tell(self._resume)

    def _sky(self, status: NightStatus, reason: str) -> str:
        if status in _OVER:
            if self._had:
                raise RecipeInterrupted(f"the night is {status}: {reason or 'it does not observe'}")
            if status in (NightStatus.CLOSED, NightStatus.DONE) and time.monotonic() > self._refuse_real_s:
                raise Refused(f"{self._mine} needs an open dome, and the night is {status}: call obs.observe() first")
        if status is NightStatus.OBSERVING:
            if alert := self._alert_waits():
                return alert
            self._ask()
            return "waiting for the night to pause"
        if status is not NightStatus.PAUSED:
            return f"the night is {status}" + (f": {reason}" if reason else "")
        if reason != PAUSED_BY_HAND + self._mine:
            return reason
        if self._shutter() is not Shutter.OPEN:
            self._in_the_way = True  # held by this recipe the machine would not open again
            return "waiting for the dome to open"
        if alert := self._alert_waits():
            self._in_the_way = True
            return alert
        self._had = True
        return ""

    def _closed(self, status: NightStatus, reason: str) -> str:
        if status in (NightStatus.OPENING, NightStatus.OBSERVING) and not self._had:
            raise Refused(f"{self._mine} needs the dome closed, and the night is {status}: start it before or after")
        if status is NightStatus.WAITING:
            if reason != PAUSED_BY_HAND + self._mine:
                if reason.startswith(PAUSED_BY_HAND):
                    return reason
                self._ask()
                return "waiting for the night to wait"
        elif status not in (NightStatus.CLOSED, NightStatus.DONE):
            return f"the night is {status}: {reason}"
        if (shutter := self._shutter()) is not Shutter.CLOSED:
            return f"the dome is {shutter}, and has to be closed"
        self._had = True
        return ""

    def _ask(self) -> None:
        pause = self._pause
        if pause is None or self._resume is None:
            raise Refused(f"{self._mine} needs the night to pause, and this process can't ask it: start it where it is")
        self._asked = True
        if time.monotonic() - self._asked_real_s > _ASK_AGAIN_REAL_S:
            self._asked_real_s = time.monotonic()
            _tell(lambda: pause(self._mine))

    def _alert_waits(self) -> str:
        """Name the alert that wants the telescope now, looking for one now and then."""
        now = time.monotonic()
        if now - self._alert_looked_real_s < _ALERT_REAL_S and self._alert is None:
            return ""
        self._alert_looked_real_s = now
        self._alert = waiting_alert(self._services)
        return "" if self._alert is None else f"alert {self._alert} is observed first"

    def _night(self) -> tuple[NightStatus, str]:
        with self._services.store.session(read_only=True) as session:
            night = session.get_one(Night, self._services.night_id)
            return night.status, night.reason

    def _shutter(self) -> Shutter:
        try:
            return self._services.devices.dome.state().shutter.value
        except (InstrumentError, Missing):
            return Shutter.UNKNOWN


def _tell(what: Callable[[], object]) -> None:
    try:
        what()
    except Exception as error:  # how it fails is known above this room only: the Majordome is not there
        raise RecipeInterrupted(f"the night can't be told to pause or to go on: {error}") from error
