"""The handle of a recipe under way: it goes on in a thread of its own, whatever the notebook does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator
from typing import Any

from astropy import units as u

from pyros_kernel.handles import handle
from pyros_kernel.recipes import display
from pyros_kernel.recipes.core import Core
from pyros_kernel.recipes.performing import Outcome, perform
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.services import Services
from pyros_kernel.store import RecipeStatus, RecipeStep

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.1
_live: set[RecipeRun] = set()
_live_guard = threading.Lock()


class RecipeRun:
    """Follow a recipe, and steer it; made by a recipe's ``start()``.

    ``await run`` and ``run.wait()`` give its result, or raise what ended it.
    """

    def __init__(self, name: str, core: Core, work: Callable[[Steps], Any]) -> None:
        self.name, self._core, self._work = name, core, work
        self._outcome = Outcome(RecipeStatus.RUNNING)
        with _live_guard:
            _live.add(self)
        self._watch = threading.Thread(target=core.watch, name=f"pyros-recipe-watch-{self.id}", daemon=True)
        self._thread = threading.Thread(target=self._run, name=f"pyros-recipe-{self.id}", daemon=True)
        self._watch.start()
        self._thread.start()

    @property
    def id(self) -> int:
        """Its number in the store; ``resume`` takes it."""
        return self._core.ledger.run_id

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._core.ended.is_set()

    @property
    def state(self) -> str:
        """Where it stands: running, waiting (for the telescope), paused, done, failed, aborted or interrupted."""
        if self.ended:
            return self._outcome.state.value
        if self._core.paused is not None:
            return RecipeStatus.PAUSED.value
        return "waiting" if self._core.held else RecipeStatus.RUNNING.value

    @property
    def reason(self) -> str:
        """Why it stands there."""
        return self._outcome.reason if self.ended else self._core.paused or self._core.held

    @property
    def progress(self) -> float:
        """How far it is, 0 to 1, by the steps it expects."""
        if self.ended and self._outcome.state is RecipeStatus.DONE:
            return 1.0
        return min(1.0, self._core.finished / self._core.expected) if self._core.expected else 0.0

    @property
    def eta_s(self) -> float | None:
        """Observatory seconds to the end, by the time its steps took so far; None if nobody can tell."""
        core = self._core
        if self.ended or not core.expected:
            return None
        passed_s = core.services.clock.unix_s() - core.began_s
        left = max(0, core.expected - core.finished)
        if core.finished:
            return passed_s / core.finished * left
        return max(0.0, core.lasts_s - passed_s) if core.lasts_s else None

    @property
    def eta(self) -> u.Quantity | None:
        """Observatory time to the end; see :attr:`eta_s`."""
        return None if self.eta_s is None else self.eta_s * u.s

    @property
    def log(self) -> tuple[tuple[float, str], ...]:
        """Its last lines: observatory time (unix seconds), text."""
        return self._core.log()

    @property
    def picture(self) -> str:
        """What it drew last, as SVG: a focus run its curve."""
        return self._core.picture

    @property
    def steps(self) -> list[RecipeStep]:
        """Its steps so far, as the store has them."""
        return self._core.ledger.steps()

    @property
    def services(self) -> Services:
        """The observatory it runs in."""
        return self._core.services

    @property
    def refusals(self) -> tuple[str, ...]:
        """What was refused, in a rehearsal."""
        return tuple(self._core.refusals)

    def pause(self, reason: str = "by hand") -> None:
        """Hold before the next step; the telescope stays with the recipe."""
        self._core.pause(reason)

    def resume(self) -> None:
        """Go on after a pause."""
        self._core.resume()

    def abort(self, reason: str = "by hand") -> None:
        """End it now, stopping exposures; returns at once, :meth:`wait` waits for the end."""
        self._core.abort(reason)

    def interrupt(self, reason: str) -> None:
        """End it now, so that it can be resumed."""
        self._core.interrupt(reason)

    def wait(self, timeout_s: float | None = None) -> Any:
        """Wait for the end and give the result; Kernel › Interrupt aborts the recipe.

        :param timeout_s: real seconds
        :raises TimeoutError: if it still runs after that; it goes on
        :raises RecipeAborted: if it was aborted
        :raises RecipeInterrupted: if it stopped so that it can be resumed
        """
        try:
            if not self._core.ended.wait(timeout_s):
                raise TimeoutError(f"recipe {self.name} goes on after {timeout_s} s, {self.state} {self.reason}")
        except KeyboardInterrupt:
            self.abort("interrupted by hand")
            raise
        return self._outcome.give()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait_later().__await__()

    async def _wait_later(self) -> Any:
        try:
            while not self.ended:
                await asyncio.sleep(_LOOK_REAL_S)
        except asyncio.CancelledError:
            self.abort("interrupted by hand")
            raise
        return self.wait(0)

    def __repr__(self) -> str:
        return display.text(self)

    def _repr_html_(self) -> str:
        return display.html(self)

    def panel(self) -> Any:
        """Give its panel: progress, log, picture, and buttons to pause, resume and abort it.

        :raises LookupError: if no installed package brings one
        """
        return handle("recipe")(self)

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        written = {"text/html": self._repr_html_(), "text/plain": repr(self)}
        if not display.in_notebook():
            return written
        return written | self.panel()._repr_mimebundle_(**how)

    def _run(self) -> None:
        try:
            self._outcome = perform(self._core, self._work)
        finally:
            with _live_guard:
                _live.discard(self)
            self._core.ended.set()
            self._watch.join(5.0)


def running(services: Services) -> list[RecipeRun]:
    """Give the recipes that run in an observatory now."""
    with _live_guard:
        return [run for run in _live if run.services is services]


def end_all(services: Services, reason: str, *, resumable: bool = False, timeout_s: float = 20.0) -> None:
    """End every recipe of an observatory, and wait until it has ended.

    :param resumable: interrupt them instead of aborting them: the observatory goes down
    :param timeout_s: real seconds to wait for each
    """
    runs = running(services)
    for run in runs:
        if resumable:
            run.interrupt(reason)
        else:
            run.abort(reason)
    for run in runs:
        if not run._core.ended.wait(timeout_s):  # pyright: ignore[reportPrivateUsage]
            logger.error("recipe %s did not end within %.0f s: %s", run.name, timeout_s, reason)
