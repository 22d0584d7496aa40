"""The running of a recipe: whether it may go on, what stops it, and what it said; shared by its threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.recipes.errors import RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.ledger import Ledger
from pyros_kernel.recipes.loan import Loan
from pyros_kernel.recipes.target import Target
from pyros_kernel.services import Services
from pyros_kernel.store import RecipeStatus, StoreError
from pyros_kernel.tasks.exposing import Shot
from pyros_kernel.tasks.waiting import wait_or_leave

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.05
_EXPLAIN_REAL_S = 1.0  # who closes stops the exposures first, and a moment later it shows
_HOLD_S = 43_200.0  # half a day of the observatory: no hold of a night is longer
_LINES = 200


class Core:
    """What the threads of one run share.

    :param rehearsing: note refusals and go on, so that all of them are found
    :param analysis: where images are analysed; in a thread of the run's own if left out, which it waits for at its end
    :param slew: one that is under way already, to ``heading`` once that is known
    """

    def __init__(
        self,
        name: str,
        services: Services,
        ledger: Ledger,
        loan: Loan,
        *,
        rehearsing: bool = False,
        analysis: Executor | None = None,
        slew: Operation[TelescopeState] | None = None,
    ) -> None:
        self.name, self.services, self.ledger, self.loan = name, services, ledger, loan
        self.rehearsing, self.slew = rehearsing, slew
        self.attempt = Cancellation()  # ends the steps under way; a new one follows an interruption
        self.ended = threading.Event()
        self.analysis = analysis or ThreadPoolExecutor(1, thread_name_prefix="pyros-recipe-analysis")
        self._waits_for_analyses = analysis is None
        self.held = ""
        self.heading: Target | None = None
        self.picture = ""  # SVG, of the run's handle
        self.expected, self.lasts_s, self.finished = 0, 0.0, 0
        self.began_s = services.clock.unix_s()
        self.pointed: tuple[float, float, Cancellation] | None = None
        self.pointing = threading.Lock()
        self.signed: Callable[[Shot], Shot] = lambda shot: shot
        self.refusals: list[str] = []
        self.cut_off: set[str] = set()  # steps that a crash ended before: the frame of one may be there
        self._lock = threading.Lock()
        self._looking, self._over = threading.Lock(), False
        self._aborted: str | None = None
        self._interrupted: str | None = None
        self._failed: str | None = None
        self._pause: str | None = None
        self._unpaused = threading.Event()
        self._unpaused.set()
        self._log: deque[tuple[float, str]] = deque(maxlen=_LINES)

    @property
    def paused(self) -> str | None:
        """Why it is paused by hand, or None."""
        return self._pause

    def say(self, text: str) -> None:
        """Write a line into the run's log, and into the observatory's."""
        self._log.append((self.services.clock.unix_s(), text))
        logger.info("recipe %s: %s", self.name, text)

    def log(self) -> tuple[tuple[float, str], ...]:
        """Give the run's last lines: observatory time, text."""
        return tuple(self._log)

    def take_slew(self, target: Target, attempt: Cancellation) -> Operation[TelescopeState] | None:
        """Give the slew that is under way, if it goes to a target; one that goes beside it is let arrive first.

        :raises WorkCancelled: if the attempt was ended meanwhile
        """
        slew, self.slew = self.slew, None
        if slew is None or self.heading is None:
            return slew
        if (self.heading.ra_deg, self.heading.dec_deg) == (target.ra_deg, target.dec_deg):
            return slew
        wait_or_leave(slew, self.services.clock, attempt)
        return None

    # ------------------------------------------------------------------ from outside

    def abort(self, reason: str) -> None:
        """End the run now; only the first reason counts."""
        with self._lock:
            if self._aborted is not None or self.ended.is_set():
                return
            self._aborted = reason
        self.attempt.set(reason)
        self._unpaused.set()

    def interrupt(self, reason: str) -> None:
        """End the run now, so that it can be resumed."""
        with self._lock:
            if self._interrupted is None:
                self._interrupted = reason
        self.attempt.set(reason)
        self._unpaused.set()

    def fail(self, reason: str) -> None:
        """End what the run's other threads do, because one of them failed."""
        with self._lock:
            self._failed = self._failed or reason
        self.attempt.set(reason)

    def end_analyses(self) -> None:
        """Wait for the analyses, if they are the run's own."""
        if self._waits_for_analyses:
            self.analysis.shutdown(wait=True)

    def count(self) -> None:
        """Count a step as finished."""
        with self._lock:
            self.finished += 1

    def mend(self) -> None:
        """Let the recipe go on after a failure that it has seen."""
        with self._lock:
            self._failed = None

    def pause(self, reason: str) -> None:
        """Hold before the next step."""
        self._unpaused.clear()
        self._pause = reason
        self.say(f"to pause before the next step: {reason}")

    def resume(self) -> None:
        """Go on after a pause."""
        if self._pause is not None:
            self._pause = None
            self.say("goes on")
        self._unpaused.set()

    # ------------------------------------------------------------------ from the recipe's threads

    def check(self) -> None:
        """End the work here if the run is to end.

        :raises RecipeAborted: if it was aborted
        :raises RecipeInterrupted: if it is to be resumed another time
        :raises WorkCancelled: if another thread of it failed
        """
        if self._aborted is not None:
            raise RecipeAborted(self._aborted)
        if self._interrupted is not None:
            raise RecipeInterrupted(self._interrupted)
        if self._failed is not None:
            raise WorkCancelled(self._failed)

    def gate(self) -> Cancellation:
        """Wait until a step may begin: not paused, and the loan allows it.

        :return: what ends the step
        :raises RecipeInterrupted: if nothing lifts a hold for half a day
        """
        waits_from_s = self.services.clock.unix_s()
        while True:
            self.check()
            if not self._unpaused.is_set():
                self._rest()
                continue
            why = self.loan.why_not()
            if why != self.held:
                self.held = why
                self.say(f"waits: {why}" if why else "may work")
            if not why:
                return self._attempt()
            self.attempt.set(why)
            self.loan.let_go()
            if self.services.clock.unix_s() - waits_from_s > _HOLD_S:
                raise RecipeInterrupted(f"held for {_HOLD_S / 3600:.0f} h: {why}")
            time.sleep(_LOOK_REAL_S)  # an abort is seen at the next look

    def interrupted(self, attempt: Cancellation, how: str) -> None:
        """Decide what a step that was stopped from outside means: the end, or to do it again.

        :param how: what the instrument or the cancellation said
        :raises RecipeAborted: if nothing else explains it: somebody stopped the instrument by hand
        """
        deadline = time.monotonic() + _EXPLAIN_REAL_S
        while True:
            self.check()
            if attempt.is_set() or self.loan.why_not():
                break
            if time.monotonic() > deadline:
                raise RecipeAborted(how)
            time.sleep(_LOOK_REAL_S)
        attempt.set(how)  # whatever follows begins anew, with the telescope pointed again
        self.say(f"interrupted: {attempt.reason}")

    def watch(self) -> None:
        """Look until the end whether the telescope is wanted elsewhere; runs in a thread of its own."""
        while not self.ended.wait(_LOOK_REAL_S):
            if self.held or not self._unpaused.is_set() or self.attempt.is_set():
                continue  # nothing runs, or the recipe's thread looks itself
            try:
                with self._looking:
                    if self._over:
                        return
                    why = self.loan.why_not()
            except (RecipeInterrupted, Refused, StoreError) as over:
                self.interrupt(str(over))
            else:
                if why:
                    self.attempt.set(why)

    def give_back(self) -> None:
        """Let the night go on for good: who looks whether the telescope is wanted must not ask for it again."""
        with self._looking:
            self._over = True
        self.loan.give_back()

    def refuse(self, name: str, refusal: Exception) -> None:
        """End the run by a refusal; in a rehearsal note it and go on, so that all of them are found.

        :param name: of what was refused
        """
        self.say(f"{name} was refused: {refusal}")
        if not self.rehearsing:
            raise refusal
        self.refusals.append(f"{name}: {refusal}")

    def _rest(self) -> None:
        self.ledger.become(RecipeStatus.PAUSED, self._pause or "")
        while not self._unpaused.wait(1.0):
            self.check()
        self.check()
        self.ledger.become(RecipeStatus.RUNNING)

    def _attempt(self) -> Cancellation:
        with self._lock:
            if self.attempt.is_set() and self._aborted is None and self._interrupted is None and self._failed is None:
                self.attempt = Cancellation()
            return self.attempt
