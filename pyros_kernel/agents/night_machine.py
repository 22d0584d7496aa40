"""The night as a state machine: closed → waiting → opening → observing ⇄ paused → closing → calibrating → done.

Every step looks at the facts anew (verdict, devices, time, wishes) and acts on them: nothing depends on a
message that could be lost.  One thread runs it; an alert may change what runs from another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from instruments import InstrumentError, Operation, Shutter, TelescopeState
from pyros_kernel.agents.agenda import Agenda
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.enclosure import Enclosure
from pyros_kernel.agents.running import Running
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.services import Services
from pyros_kernel.store import Night, NightStatus, SequenceStatus
from pyros_kernel.tasks.calibration import take_calibrations
from pyros_kernel.tasks.ending import after_sequence, end_night

logger = logging.getLogger(__name__)

_STEP_REAL_S = 0.05
_OPEN_BEFORE_DUSK_S = 1800.0  # the mirror takes the outside temperature before the first exposure
_LATE_S = 120.0  # later than this the schedule no longer tells the truth …
_LATE_REAL_S = 1.0  # … but a fast clock can't be on time to better than this
_LOOK_AGAIN_S = 1800.0  # how often an empty schedule is asked for anew
_STOP_REAL_S = 20.0
_HELD = "paused"  # how a hold begins that doesn't close the dome


class NightMachine:
    """Run a night.

    :param stopping: set when the observatory goes down
    :param config: where the Scheduler listens
    """

    def __init__(
        self, services: Services, wishes: Wishes, stopping: threading.Event, config: AgentConfig | None = None
    ) -> None:
        self.services, self.wishes = services, wishes
        self.agenda = Agenda(services, config)
        self.enclosure = Enclosure(services, stopping)
        self.running: Running | None = None
        self.wake = threading.Event()
        self._choosing = threading.Lock()  # between an alert's arrival and the start of a sequence
        self._alert: tuple[int, Operation[TelescopeState]] | None = None
        self._analysis = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pyros-analysis")
        self._stopping = stopping
        self._calibration = Cancellation()
        self._asked_empty_s = 0.0
        self.status, self.reason = NightStatus.CLOSED, "the night's machine has not begun"
        self._begun = False

    def run(self) -> None:
        """Step until the observatory goes down; then stop what runs, and close.

        One at a time: a machine whose Majordome died closes before that of the next one begins.
        """
        while not self.wishes.turn.acquire(timeout=_STEP_REAL_S):
            if self._stopping.is_set():
                return
        try:
            self._run()
        finally:
            self.wishes.turn.release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._begun:
                    self._begin()
                self.step()
            except InstrumentError as error:
                logger.error("night: %s", error)
            except Exception:  # the night must go on, or at least close; the log has the defect
                logger.exception("night: a step failed in state %s", self.status)
            self.wake.wait(_STEP_REAL_S)
            self.wake.clear()
        self._go_down()

    def _begin(self) -> None:
        with self.services.store.session() as session:
            night = session.get_one(Night, self.services.night_id)
            if night.status not in (NightStatus.CLOSED, NightStatus.DONE):
                if night.status is not NightStatus.CALIBRATING:
                    night.become(NightStatus.CLOSING, "found unfinished at start")
                night.become(NightStatus.CLOSED, "found unfinished at start")
            self.status, self.reason = night.status, night.reason
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
        if self.wishes.lost:
            return f"{_HELD}, this kernel does not command: {self.wishes.lost}"
        verdict = self.services.safety.verdict()
        if not verdict.safe:
            return f"unsafe: {verdict}"
        if missing := self.services.devices.missing_blocking():
            return "missing: " + "; ".join(missing)
        if verdict.pausing:
            return f"{_HELD} by the weather: " + "; ".join(reason.text for reason in verdict.pausing)
        return f"{_HELD} by hand: {self.wishes.paused}" if self.wishes.paused else ""

    def take_alert(self, sequence_id: int, slew: Operation[TelescopeState]) -> None:
        """Observe an alert's sequence next; its slew is under way already."""
        with self._choosing:
            self._alert = (sequence_id, slew)
        self.wake.set()

    def withdraw(self, sequence_ids: Collection[int], reason: str) -> None:
        """Observe none of these: interrupt the one that runs, forget the others."""
        with self._choosing:
            if self._alert is not None and self._alert[0] in sequence_ids:
                self._alert = None
            for sequence_id in sequence_ids:
                self.agenda.take(sequence_id)
            if self.running is not None and self.running.sequence_id in sequence_ids:
                self.running.cancelled.set(reason)
        self.wake.set()

    def _closed(self) -> None:
        if self.wishes.observe:
            if self.status is NightStatus.DONE:
                self._become(NightStatus.CLOSED, "to be observed again")
            self._become(NightStatus.WAITING, "")
        elif not self.services.safety.verdict().safe and self.enclosure.shutter in (
            Shutter.OPEN,
            Shutter.OPENING,
        ):
            self.enclosure.close_up(str(self.services.safety.verdict()))

    def _waiting(self) -> None:
        if self._over():
            return
        opening_s = self.services.sky.night.dusk_unix_s - _OPEN_BEFORE_DUSK_S
        if hold := self.hold():
            self._say(hold)
        elif self.services.clock.unix_s() < opening_s:
            self._say("waiting for the evening twilight")
        else:
            self._become(NightStatus.OPENING, "")

    def _opening(self) -> None:
        if why := self.enclosure.open_up():
            self._become(NightStatus.PAUSED, why)
            return
        self._become(NightStatus.OBSERVING, "")
        self.agenda.ask("observing begins")

    def _observing(self) -> None:
        if self._over():
            return
        if hold := self.hold():
            self._stop_running(hold)
            self._become(NightStatus.PAUSED, hold)
            return
        if self.enclosure.shut:
            self._stop_running("the dome is not open any more")
            self._become(NightStatus.PAUSED, "somebody closed the dome: it is opened again")
            return
        if self.running is not None:
            if not self.running.ended:
                return
            self._take_end(self.running)
        if self._alert is not None:
            (sequence_id, slew), self._alert = self._alert, None
            self._start(sequence_id, slew)
            return
        self._start_next()

    def _start_next(self) -> None:
        if self.agenda.waiting_for_schedule:
            return
        entry, now_s = self.agenda.next(), self.services.clock.unix_s()
        if entry is None:
            if now_s - self._asked_empty_s > _LOOK_AGAIN_S:
                self._asked_empty_s = now_s
                self.agenda.ask("nothing is left to observe")
            self._say("nothing can be observed now")
        elif now_s - entry.start_s > max(_LATE_S, _LATE_REAL_S * self.services.clock.speed):
            self.agenda.ask(f"{now_s - entry.start_s:.0f} s late")
        elif now_s >= entry.start_s:
            self._say("")
            self._start(entry.sequence_id)

    def _start(self, sequence_id: int, slew: Operation[TelescopeState] | None = None) -> None:
        with self._choosing:
            # An alert that came since this one was chosen goes first; whoever brought it looks at what runs.
            if slew is None and self._alert is not None:
                return
            self.agenda.take(sequence_id)
            self.running = Running(sequence_id, self.services, self._analysis, self.wake.set, slew)

    def _take_end(self, ended: Running) -> None:
        self.running = None
        after_sequence(ended.sequence_id, ended.outcome, self.services)
        goes_on = self.wishes.observe and not self._stopping.is_set()
        if goes_on and (ended.is_alert or ended.outcome is not SequenceStatus.EXECUTED):
            self.agenda.ask(f"after sequence {ended.sequence_id}: {ended.outcome or 'a defect'}")

    def _paused(self) -> None:
        if self._over():
            return
        if self.running is not None and self.running.ended:
            self._take_end(self.running)
        hold = self.hold()
        if not hold:
            opened = self.enclosure.shutter is Shutter.OPEN
            self._become(NightStatus.OBSERVING if opened else NightStatus.OPENING, "")
            if opened:
                self.agenda.ask("observing goes on")
        else:
            self._say(hold)
            # Held, the dome stays open while it is safe; anything else closes it.
            if not hold.startswith(_HELD) and self.enclosure.shutter is not Shutter.CLOSED:
                self.enclosure.close_up(hold)

    def _over(self) -> bool:
        """Whether the night ends now: by hand at once, at dawn once nothing runs."""
        night = self.services.sky.night
        dawn = self.services.clock.unix_s() >= night.dawn_unix_s
        if self.wishes.observe and not (dawn and (self.running is None or self.running.ended)):
            return False
        why = "dawn" if self.wishes.observe else self.wishes.stop_reason
        self._stop_running(why)
        self._become(NightStatus.CLOSING, why)
        return True

    def _closing(self) -> None:
        self.enclosure.close_up(self.reason)
        if self.enclosure.shutter is Shutter.CLOSED:
            if self.wishes.observe:
                self._become(NightStatus.CALIBRATING, self.reason)
            else:
                self._finish(NightStatus.CLOSED)

    def _calibrating(self) -> None:
        took = take_calibrations(self.services.night_id, services=self.services, cancelled=self._calibration)
        logger.info("calibrations: %s", took)
        self._analysis.submit(int).result(timeout=120)  # the analyses queued before are done now
        self._finish(NightStatus.DONE)

    def _finish(self, status: NightStatus) -> None:
        self.wishes.end()
        self._become(status, self.reason)
        end_night(services=self.services)
        self.wishes.ended.set()

    def _stop_running(self, reason: str) -> None:
        if self.running is None:
            return
        if not self.running.stop(reason, _STOP_REAL_S):
            logger.error("sequence %d did not end within %.0f s: %s", self.running.sequence_id, _STOP_REAL_S, reason)
            return
        self._take_end(self.running)

    def _become(self, status: NightStatus, reason: str) -> None:
        with self.services.store.session() as session:
            session.get_one(Night, self.services.night_id).become(status, reason)
        self.status, self.reason = status, reason
        if status is not NightStatus.OBSERVING:
            with self._choosing:
                self._alert = None  # it stands in the schedule, and is observed in its turn
        logger.info("night: %s%s", status, f": {reason}" if reason else "")

    def _say(self, reason: str) -> None:
        if reason != self.reason:
            with self.services.store.session() as session:
                session.get_one(Night, self.services.night_id).reason = reason
            self.reason = reason
            if reason:
                logger.info("night: %s: %s", self.status, reason)

    def _go_down(self) -> None:
        started = time.monotonic()
        self._calibration.set("the observatory goes down")
        self._stop_running("the observatory goes down")
        if not self.wishes.lost and self.enclosure.shutter is not Shutter.CLOSED:
            self.enclosure.close_up("the observatory goes down")
        if self.status not in (NightStatus.CLOSED, NightStatus.DONE):
            if self.status not in (NightStatus.CLOSING, NightStatus.CALIBRATING):
                self._become(NightStatus.CLOSING, "the observatory goes down")
            self._become(NightStatus.CLOSED, "the observatory went down")
        self._analysis.shutdown(wait=True, cancel_futures=True)
        self.wishes.ended.set()
        logger.info("night: stopped in %.1f s", time.monotonic() - started)
