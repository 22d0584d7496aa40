"""The course of a night's observing: what runs, what is due next, and when the schedule no longer tells the truth."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from instruments import Operation, TelescopeState
from pyros_kernel.agents.agenda import Agenda
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.flats import Flats, TwilightFlats
from pyros_kernel.agents.running import Running
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes import Refused
from pyros_kernel.recipes.of_night import carry_out, take_twilight_flats
from pyros_kernel.services import Services
from pyros_kernel.store import RecipeStatus, SequenceStatus
from pyros_kernel.store.patience import AWAY
from pyros_kernel.tasks.ending import after_sequence

logger = logging.getLogger(__name__)

_LATE_S = 120.0  # later than this the schedule no longer tells the truth …
_LATE_REAL_S = 1.0  # … but a fast clock can't be on time to better than this
_LOOK_AGAIN_S = 1800.0  # how often an empty schedule, or one that nobody can follow, is asked for anew
_STOP_REAL_S = 20.0
_ANALYSES_REAL_S = 120.0


class Course:
    """Start what is due, give way to alerts, and ask for another schedule where the present one does not hold.

    One thread leads it; alerts and withdrawals come from others.

    :param wake: wakes that thread
    :param goes_on: whether observing goes on after what runs now
    """

    def __init__(
        self,
        services: Services,
        config: AgentConfig | None,
        wake: Callable[[], None],
        goes_on: Callable[[], bool],
    ) -> None:
        self._services, self._wake, self._goes_on = services, wake, goes_on
        self.agenda = Agenda(services, config)
        self.flats = TwilightFlats(services)
        self.running: Running | None = None
        self._choosing = threading.Lock()  # between an alert's arrival and the start of a sequence
        self._alert: tuple[int, Operation[TelescopeState]] | None = None
        self.analysis = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pyros-analysis")
        self._asked_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether a sequence runs, or flats are taken."""
        return self.running is not None and not self.running.ended

    def take_alert(self, sequence_id: int, slew: Operation[TelescopeState]) -> None:
        """Observe an alert's sequence next; its slew is under way already."""
        with self._choosing:
            self._alert = (sequence_id, slew)
        self._wake()

    def forget_alert(self) -> None:
        """Observe an alert that waits in its turn: it stands in the schedule."""
        with self._choosing:
            self._alert = None

    def withdraw(self, sequence_ids: Collection[int], reason: str) -> None:
        """Observe none of these: interrupt the one that runs, forget the others."""
        with self._choosing:
            if self._alert is not None and self._alert[0] in sequence_ids:
                self._alert = None
            for sequence_id in sequence_ids:
                self.agenda.leave_out(sequence_id)
            if self.running is not None and self.running.sequence_id in sequence_ids:
                self.running.cancelled.set(reason)
        self._wake()

    def go_on(self) -> str | None:
        """Put away what has ended, and start what is due.

        :return: what to say of it; None where nothing is to be said
        """
        if self.running is not None:
            if not self.running.ended:
                self._look_at_delay()
                return None
            self.take_end()
        if self._alert is not None:
            (sequence_id, slew), self._alert = self._alert, None
            self.agenda.claim(sequence_id)
            self._start(sequence_id, slew)
            return None
        return self._start_next()

    def look_at_pause(self) -> None:
        """Put away what has ended; keep the schedule true while nothing is observed."""
        if self.running is not None and self.running.ended:
            self.take_end()
        entry = self.agenda.next()
        if entry is not None and self._services.clock.unix_s() - entry.start_s > _LOOK_AGAIN_S:
            self._ask_again("nothing could be observed meanwhile")

    def take_end(self) -> None:
        """Put away what has ended."""
        ended = self.running
        if ended is None:
            return
        if ended.sequence_id is None:
            self.running = None
            return
        try:
            after_sequence(ended.sequence_id, ended.outcome, self._services, left_open=ended.left_open)
        except AWAY:
            raise  # the row still says that it executes: the next look puts it back
        except Exception:
            self.running = None
            raise
        self.running = None
        self.agenda.ended()
        if self._alert is not None:
            return  # what comes now is an alert, and the schedule is asked for when it has begun
        if self._goes_on() and (ended.is_alert or ended.outcome is not SequenceStatus.EXECUTED):
            self.agenda.ask(f"after sequence {ended.sequence_id}: {ended.outcome or 'a defect'}")

    def stop(self, reason: str, unless: Callable[[], bool] = lambda: False) -> None:
        """Stop what runs, and put it away.

        :param unless: tells that closing can't wait for its last words any longer
        """
        if self.running is None:
            return
        began_s = time.monotonic()
        if not self.running.stop(reason, _STOP_REAL_S, unless):
            waited_s = time.monotonic() - began_s
            logger.error("%s did not end within %.0f s: %s", self.running.what, waited_s, reason)
            return
        self.take_end()

    def let_go(self, reason: str) -> None:
        """Tell what runs to end, and don't wait for it."""
        if self.running is not None:
            self.running.cancelled.set(reason)

    def wait_for_analyses(self) -> None:
        """Wait until the images taken so far are analysed."""
        self.analysis.submit(int).result(timeout=_ANALYSES_REAL_S)

    def close(self) -> None:
        """Let go of the analyses that wait."""
        self.analysis.shutdown(wait=True, cancel_futures=True)

    def _start_next(self) -> str | None:
        entry, now_s = self.agenda.next(), self._services.clock.unix_s()
        # Also while a schedule is made: what it places gets its turn when it is due.
        if flats := self.flats.next(math.inf if entry is None else entry.start_s - now_s):
            self._take(flats)
            return str(flats)
        if self.agenda.waiting_for_schedule:
            return None
        if entry is None:
            self._ask_again("nothing is left to observe", anew=True)
            return "nothing can be observed now"
        if now_s - entry.start_s > self._late_s:
            self.agenda.ask(f"{now_s - entry.start_s:.0f} s late")
        elif now_s >= entry.start_s:
            if not self.agenda.holds(entry):
                self.agenda.load()  # it was taken out while its turn came
            elif now_s >= self.agenda.earliest_s(entry):
                self._start(entry.sequence_id)
                return ""
        return None

    def _look_at_delay(self) -> None:
        """Let the schedule know when what runs takes the time of what is next."""
        entry = self.agenda.next()
        if entry is None or self.running is None or self.agenda.waiting_for_schedule:
            return
        late_s = self._services.clock.unix_s() - entry.start_s
        if self.running.sequence_id is None:
            if late_s >= 0:
                self.running.cancelled.set("a sequence is due")
        elif late_s > self._late_s:
            self.agenda.ask(f"{self.running.what} takes {late_s:.0f} s of the next one's time")

    @property
    def _late_s(self) -> float:
        return max(_LATE_S, _LATE_REAL_S * self._services.clock.speed)

    def _ask_again(self, reason: str, **about: object) -> None:
        now_s = self._services.clock.unix_s()
        if now_s - self._asked_s > _LOOK_AGAIN_S:
            self._asked_s = now_s
            self.agenda.ask(reason, **about)

    def _start(self, sequence_id: int, slew: Operation[TelescopeState] | None = None) -> None:
        with self._choosing:
            # An alert that came since this one was chosen goes first; whoever brought it looks at what runs.
            if slew is None and self._alert is not None:
                return
            self.agenda.take(sequence_id)
            self.running = Running(
                f"sequence {sequence_id}",
                lambda cancelled: carry_out(sequence_id, self._services, cancelled, self.analysis, slew),
                self._wake,
                sequence_id=sequence_id,
                is_alert=slew is not None,
            )
        if slew is not None:
            self.agenda.ask(f"sequence {sequence_id} of an alert goes first", taken=sequence_id)

    def _take(self, flats: Flats) -> None:
        with self._choosing:
            if self._alert is None:
                self.running = Running(str(flats), lambda cancelled: self._flats(flats, cancelled), self._wake)

    def _flats(self, flats: Flats, cancelled: Cancellation) -> None:
        outcome = take_twilight_flats(flats.channel, flats.filter, self._services, cancelled, self.analysis)
        if isinstance(outcome.error, Refused):
            logger.warning("%s: %s; %s", flats, outcome.reason, self.flats.missed(flats.channel))
            return
        logger.info("%s: %s", flats, outcome.reason or outcome.state)
        if outcome.state is not RecipeStatus.INTERRUPTED:
            self.flats.done(flats)  # else by weather, an alert, or a sequence that is due: once more, if there is time
