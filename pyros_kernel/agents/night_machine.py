"""The night as a state machine: closed → waiting → opening → observing ⇄ paused → closing → calibrating → done.

Every step looks at the facts anew (verdict, devices, time, wishes) and acts on them: nothing depends on a
message that could be lost.  One thread runs it; an alert may change what runs from another.
"""

from __future__ import annotations

import logging
import threading
import time

from instruments import InstrumentError, Shutter
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.course import Course
from pyros_kernel.agents.enclosure import Enclosure
from pyros_kernel.agents.holds import closes, hold
from pyros_kernel.agents.night_record import NightRecord
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.beat import to_next
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes.of_night import take_calibrations
from pyros_kernel.services import Services
from pyros_kernel.signs import Signs, sign
from pyros_kernel.store import NightStatus
from pyros_kernel.store.outage import Outage
from pyros_kernel.store.patience import AWAY, patiently
from pyros_kernel.tasks.ending import end_night

logger = logging.getLogger(__name__)

_STEP_REAL_S, _REST_REAL_S = 0.05, 0.5  # commands wake it
# The mirror takes the outside temperature, and the sky is bright enough for flats: the Sun has just set.
_OPEN_BEFORE_DUSK_S = 4800.0
_AFTER_DEFECT_REAL_S = 0.5  # a step that fails is tried again, but does not fill the log
_SILENT_REAL_S, _SILENT_CALIBRATING_REAL_S = 60.0, 900.0  # a step waits for the dome, a calibration for its exposures


class NightMachine:
    """Run a night.

    :param stopping: set when the observatory goes down
    :param config: where the Scheduler listens
    """

    def __init__(
        self, services: Services, wishes: Wishes, stopping: threading.Event, config: AgentConfig | None = None
    ) -> None:
        self.services, self.wishes = services, wishes
        self.wake = threading.Event()
        self.course = Course(services, config, self.wake.set, goes_on=lambda: wishes.observe and not stopping.is_set())
        self.enclosure = Enclosure(services, stopping)
        self._stopping = stopping
        self._calibration = Cancellation()
        self._record = NightRecord(services)
        self._outage = Outage(logger, "the night's next step")
        self.status, self.reason = NightStatus.CLOSED, "the night's machine has not begun"
        self._begun = False
        self._signs: Signs | None = None

    def run(self) -> None:
        """Step until the observatory goes down; then stop what runs, and close.

        One at a time: a machine whose Majordome died closes before that of the next one begins.
        """
        while not self.wishes.turn.acquire(timeout=_STEP_REAL_S):
            if self._stopping.is_set():
                return
        self._signs = Signs()
        try:
            self._run()
        finally:
            self._signs.end()
            self.wishes.turn.release()

    def late(self) -> str:
        """Tell in words that it gave no sign of life for long; empty if it did.

        It can't be replaced like an agent: two would command the same instruments.  The guardian closes meanwhile.
        """
        limit_s = _SILENT_CALIBRATING_REAL_S if self.status is NightStatus.CALIBRATING else _SILENT_REAL_S
        silent = self._signs is not None and self._signs.silent_s() > limit_s
        return f"runs a night that is {self.status} without a sign of life for {limit_s:g} s" if silent else ""

    def _run(self) -> None:
        while not self._stopping.is_set():
            sign()
            try:
                if not self._begun:
                    self._begin()
                self._record.write()
                self.step()
                self._outage.over()
            except InstrumentError as error:
                logger.error("night: %s", error)
            except Exception as error:  # the night must go on, or at least close; the log has the defect
                if isinstance(error, AWAY):
                    self._outage.lasts(error)
                else:
                    logger.exception("night: a step failed in state %s", self.status)
                self._close_if_unsafe()
                self._stopping.wait(_AFTER_DEFECT_REAL_S)
            at_rest = self.status in (NightStatus.CLOSED, NightStatus.DONE) and not self.wishes.observe
            self.wake.wait(to_next(_REST_REAL_S) if at_rest else _STEP_REAL_S)
            self.wake.clear()
        self._go_down()

    def _must_close(self) -> bool:
        return not self.enclosure.shut and not self.services.safety.verdict().safe

    def _close_if_unsafe(self) -> None:
        """Close whatever else fails: a step that ends early, as when the store is away, may never come to it."""
        if closes(why := self.hold()) and not self.enclosure.shut:
            self.course.let_go(why)
            self.enclosure.close_up(why)

    def _begin(self) -> None:
        self.status, self.reason = self._record.found()
        if self.wishes.observe:  # the machine before this one ended, not the night
            self.wishes.ended.clear()
        self._begun = True

    def step(self) -> None:
        """Look, and do the next thing."""
        {
            NightStatus.CLOSED: self._closed,
            NightStatus.DONE: self._closed,
            NightStatus.WAITING: self._waiting,
            NightStatus.OPENING: self._opening,
            NightStatus.OBSERVING: self._observing,
            NightStatus.PAUSED: self._paused,
            NightStatus.CLOSING: self._closing,
            NightStatus.CALIBRATING: self._calibrating,
        }[self.status]()

    def hold(self) -> str:
        """Say why observing can't go on now, or nothing."""
        return hold(self.services, self.wishes)

    def _closed(self) -> None:
        if self.wishes.observe:
            if self.status is NightStatus.DONE:
                self._become(NightStatus.CLOSED, "to be observed again")
            self._become(NightStatus.WAITING, "")
            begin_s = max(self.services.clock.unix_s(), self._opening_s)
            agenda = self.course.agenda
            # What stands since before a restart is repaired, in milliseconds; something better is looked for once the
            # dome is open: until then the search would only take the computer's time from what opens it.
            agenda.ask("the night begins", anew=not agenda.stands(), soon=True, start_unix_s=begin_s)
        elif self._must_close() and self.enclosure.shutter in (Shutter.OPEN, Shutter.OPENING):
            self.enclosure.close_up(str(self.services.safety.verdict()))

    def _waiting(self) -> None:
        if self._over():
            return
        if why := self.hold():
            self._say(why)
        elif self.services.clock.unix_s() < self._opening_s:
            self._say("waiting for the evening twilight")
        else:
            self._become(NightStatus.OPENING, "")

    @property
    def _opening_s(self) -> float:
        return self.services.sky.night.dusk_unix_s - _OPEN_BEFORE_DUSK_S

    def _opening(self) -> None:
        if why := self.enclosure.open_up():
            self._become(NightStatus.PAUSED, why)
            return
        self._become(NightStatus.OBSERVING, "")
        self.course.agenda.ask("observing begins")

    def _observing(self) -> None:
        if self._over():
            return
        if why := self.hold():
            if closes(why):
                self.course.let_go(why)  # its last words to the store must not hold up the closing
            else:
                self.course.stop(why, self._must_close)
            self._become(NightStatus.PAUSED, why)
            return
        if undone := self.enclosure.undone:
            self.course.stop(undone)
            self._become(NightStatus.PAUSED, undone)
            return
        if (said := self.course.go_on()) is not None:
            self._say(said)

    def _paused(self) -> None:
        if self._over():
            return
        self.course.look_at_pause()
        why = self.hold()
        if not why:
            opened = self.enclosure.opened
            self._become(NightStatus.OBSERVING if opened else NightStatus.OPENING, "")
            if opened:
                self.course.agenda.ask("observing goes on")
        else:
            self._say(why)
            if closes(why) and self.enclosure.shutter is not Shutter.CLOSED:
                self.enclosure.close_up(why)

    def _over(self) -> bool:
        """Whether the night ends now: by hand at once, after dawn once nothing runs and nothing is planned."""
        if self.wishes.observe and not self._dawned:
            return False
        why = "dawn" if self.wishes.observe else self.wishes.stop_reason
        self.course.stop(why, self._must_close)
        self._become(NightStatus.CLOSING, why)
        return True

    @property
    def _dawned(self) -> bool:
        night, now_s = self.services.sky.night, self.services.clock.unix_s()
        if now_s < night.dawn_unix_s or self.course.busy:
            return False
        if now_s >= night.sunrise_unix_s:
            return True
        return self.course.agenda.next() is None and not self.course.flats.to_come

    def _closing(self) -> None:
        self.enclosure.close_up(self.reason)
        if self.enclosure.shutter is Shutter.CLOSED:
            if self.wishes.observe:
                self._become(NightStatus.CALIBRATING, self.reason)
            else:
                self._finish(NightStatus.CLOSED)

    def _calibrating(self) -> None:
        took = take_calibrations(self.services, self._calibration, self.course.analysis)
        logger.info("calibrations: %s", took)
        self.course.wait_for_analyses()
        self._finish(NightStatus.DONE)

    def _finish(self, status: NightStatus) -> None:
        self.wishes.end()
        self._become(status, self.reason)
        ending = self.services.store.ending
        patiently("the night's end", self._record.write_now, ending)
        patiently("the night's report", lambda: end_night(services=self.services), ending)
        self.wishes.ended.set()

    def _become(self, status: NightStatus, reason: str) -> None:
        """Go on to another state, whether the store hears of it now or later: closing waits for nobody."""
        self.status, self.reason = status, reason
        self._record.note(status, reason)
        if status is not NightStatus.OBSERVING:
            self.course.forget_alert()
        logger.info("night: %s%s", status, f": {reason}" if reason else "")

    def _say(self, reason: str) -> None:
        if reason != self.reason:
            self.reason = reason
            self._record.note(self.status, reason)
            if reason:
                logger.info("night: %s: %s", self.status, reason)

    def _go_down(self) -> None:
        started = time.monotonic()
        self._calibration.set("the observatory goes down")
        try:
            self.course.stop("the observatory goes down", self._must_close)
        except AWAY:
            logger.exception("what ran can't be put back now: the next start does it")  # closing comes first
        if not self.wishes.lost and self.enclosure.shutter is not Shutter.CLOSED:
            self.enclosure.close_up("the observatory goes down")
        self._note_down()
        try:
            self._record.write_now()
        except AWAY:
            logger.exception("the night's state can't be written now: the next start finds it unfinished")
        self.course.close()
        self.wishes.ended.set()
        logger.info("night: stopped in %.1f s", time.monotonic() - started)

    def _note_down(self) -> None:
        if self.status not in (NightStatus.CLOSED, NightStatus.DONE):
            if self.status not in (NightStatus.CLOSING, NightStatus.CALIBRATING):
                self._become(NightStatus.CLOSING, "the observatory goes down")
            self._become(NightStatus.CLOSED, "the observatory went down")
