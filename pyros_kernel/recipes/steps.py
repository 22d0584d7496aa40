"""What a recipe is given: named steps that are done once, the telescope's pointing, and the way to wait."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from astropy import units as u

from instruments import Frame, Operation
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.clock import Clock
from pyros_kernel.recipes.aim import NOWHERE, REFUSED, STOPPED, Aim
from pyros_kernel.recipes.core import Core
from pyros_kernel.recipes.errors import RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.left import frame_left_by, key_of
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits
from pyros_kernel.services import Services
from pyros_kernel.store import Image, StepStatus
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.exposing import Shot, analyse_or_log, take_shot
from pyros_kernel.tasks.waiting import wait_or_stop

R = TypeVar("R")


class Steps:
    """The steps of a run, or of a part of it.

    :param prefix: what the names of this part's steps begin with
    :param aim: where the telescope must point while they run
    """

    def __init__(self, core: Core, prefix: str = "", aim: Aim = NOWHERE) -> None:
        self._core, self._prefix, self._aim = core, prefix, aim

    @property
    def services(self) -> Services:
        """Store, devices and the rest."""
        return self._core.services

    @property
    def clock(self) -> Clock:
        """The observatory's clock."""
        return self._core.services.clock

    @property
    def cancelled(self) -> Cancellation:
        """What ends the steps under way."""
        return self._core.attempt

    @property
    def rehearsing(self) -> bool:
        """Whether this is a rehearsal, in which a refused step is noted and gives None."""
        return self._core.rehearsing

    def say(self, text: str) -> None:
        """Write a line into the run's log."""
        self._core.say(self._prefix + text)

    def picture(self, name: str, svg: str) -> None:
        """Show a picture with the run, and keep it beside the night's images; a later one takes its place.

        :param name: of the file, without its ending
        :param svg: a whole SVG element, its texts escaped
        """
        core = self._core
        core.picture = svg
        folder = core.services.archive.root / core.services.night_name / "recipes"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{core.name}_{core.ledger.run_id}_{name}.svg").write_text(svg, encoding="utf-8")

    def head_for(self, target: Target) -> None:
        """Say where the slew goes that was under way when the recipe began: its first field may lie beside it."""
        self._core.heading = target

    def ready(self) -> None:
        """Wait until a step could begin, with the telescope where this part needs it; each step does so by itself."""
        self._ready()

    def _ready(self) -> Cancellation:
        while True:
            attempt = self._core.gate()
            self._aim.bring(self._core, attempt)
            if not attempt.is_set():
                return attempt

    def expect(self, steps: int, lasts: u.Quantity | None = None) -> None:
        """Tell how many steps there will be, and how long all of them take, for progress and ETA."""
        self._core.expected = steps
        if lasts is not None:
            self._core.lasts_s = float(lasts.to_value(u.s))

    def part(self, name: str, target: Target | None = None, limits: Limits | None = None) -> Steps:
        """Give the steps of a part; their names begin with its name.

        :param target: where the telescope must point while they run, instead of where it must for this part
        :param limits: of Sun and Moon, beyond which the target is not looked at; this part's if left out
        """
        prefix = f"{self._prefix}{name}: " if name else self._prefix
        limits = limits or self._aim.limits
        if target is None:
            return Steps(self._core, prefix, replace(self._aim, limits=limits))
        return Steps(self._core, prefix, Aim(target, f"{prefix}slew" if prefix else f"slew to {target.name}", limits))

    def step(self, name: str, work: Callable[[], R]) -> R:
        """Do a named step, unless it is done already; its result is kept, and given again then.

        A step that was stopped by the weather, an alert or a pause of the night is done again once the recipe may go
        on, and the telescope is pointed again before.

        :param name: unlike any other of the run
        :param work: gives something that JSON can hold; None in a rehearsal for a step that was refused
        :raises Refused: or another refusal, if it can't be done
        :raises InstrumentError: if an instrument failed
        """
        full, core = self._prefix + name, self._core
        done, kept = core.ledger.done(full)
        if done:
            core.count()
            return kept
        while True:
            attempt = self._ready()
            if core.ledger.begin(full):
                core.cut_off.add(full)
            try:
                result = _plain(full, work())
            except STOPPED as stopped:
                core.ledger.end(full, StepStatus.INTERRUPTED, str(stopped))
                core.interrupted(attempt, str(stopped))
            except (RecipeAborted, RecipeInterrupted) as stopped:
                core.ledger.end(full, StepStatus.INTERRUPTED, str(stopped))
                raise
            except REFUSED as refusal:
                core.ledger.end(full, StepStatus.REFUSED, str(refusal))
                core.refuse(full, refusal)
                return None  # type: ignore[return-value]  # only in a rehearsal
            except Exception as error:
                core.ledger.end(full, StepStatus.FAILED, str(error) or repr(error))
                raise
            else:
                core.ledger.end(full, StepStatus.DONE, result=result)
                core.count()
                return result

    def note(self, name: str, work: Callable[[], R]) -> R:
        """Find something out once, and keep it as the result of a step: one that moves nothing and waits for nothing.

        :param name: unlike any other of the run
        :param work: gives something that JSON can hold
        """
        full, core = self._prefix + name, self._core
        done, kept = core.ledger.done(full)
        if not done:
            kept = _plain(full, work())
            core.ledger.note(full, kept)
        core.count()
        return kept

    def together(self, works: Mapping[str, Callable[[Steps], R]]) -> dict[str, R]:
        """Do several parts at the same time, a thread each; the first failure ends the others, and is raised.

        :param works: name of the part → what does it, given its steps
        """

        def on_end(part: Future[R]) -> None:
            if (error := part.exception()) is not None:
                self._core.fail(f"another part ended: {error}")

        with ThreadPoolExecutor(max(1, len(works)), thread_name_prefix="pyros-recipe-part") as pool:
            parts = {name: pool.submit(work, self.part(name)) for name, work in works.items()}
            for part in parts.values():
                part.add_done_callback(on_end)
            errors = [error for part in parts.values() if (error := part.exception()) is not None]
        if errors:
            self._core.mend()
            # What started it, not what followed from it.
            raise next((error for error in errors if not isinstance(error, WorkCancelled)), errors[0])
        return {name: part.result() for name, part in parts.items()}

    def wait_for(self, operation: Operation[R]) -> R:
        """Wait for an instrument; the end of the step stops it.

        :raises InstrumentError: if it failed
        """
        return wait_or_stop(operation, self.clock, self.cancelled)

    def require(self, what: str, why_not: str) -> None:
        """Refuse to go on if there is a reason why not; in a rehearsal only note it.

        :param what: what is asked for
        :param why_not: empty if nothing speaks against it
        :raises Refused: with the reason
        """
        if why_not:
            self._core.refuse(self._prefix + what, Refused(why_not))

    def take(self, shot: Shot, step: str) -> tuple[Frame, Image]:
        """Take a frame and keep it; it is analysed while the recipe goes on.

        One that was kept just before a crash is not taken again.

        :param step: the step within which this is called
        :raises InstrumentError: if the camera failed
        :raises ArchiveError: if the disk did not take it
        """
        full, core = self._prefix + step, self._core
        shot, key = core.signed(shot), key_of(core.ledger.run_id, full)
        if full in core.cut_off:
            core.cut_off.remove(full)
            left = patiently(
                f"a look for the frame of {full!r}", lambda: frame_left_by(key, self.services), self.cancelled
            )
            if left is not None:
                if shot.analysed:
                    core.analysis.submit(analyse_or_log, left[1].id, self.services)
                return left
        signed = replace(shot, context=replace(shot.context, step=key))
        return take_shot(signed, self.services, self.cancelled, core.analysis)

    def sign(self, signed: Callable[[Shot], Shot]) -> None:
        """Let each frame of the run from here on be signed, as one of a sequence's plans say.

        :param signed: gives the shot with the context that its image is to have
        """
        self._core.signed = signed

    def sleep(self, duration: u.Quantity) -> None:
        """Let observatory time pass.

        :raises WorkCancelled: if the step is to end before
        """
        if not self.clock.wait(float(duration.to_value(u.s)), self.cancelled):
            self.cancelled.check()


def _plain(name: str, result: Any) -> Any:
    """Give a result as it will be read back, so that a resumed run sees what the first one saw."""
    try:
        return json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"step {name!r}: its result must be something that JSON can hold: {error}") from None
