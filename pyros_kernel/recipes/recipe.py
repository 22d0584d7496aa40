"""A recipe: a typed function made into something to start, rehearse, queue, and fill in as a form."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.handles import handle
from pyros_kernel.recipes.core import Core
from pyros_kernel.recipes.host import Host
from pyros_kernel.recipes.ledger import Ledger, take_up
from pyros_kernel.recipes.loan import Free, Loan, Needs, NightLoan
from pyros_kernel.recipes.parameters import Field, fields_of, read_arguments, to_json
from pyros_kernel.recipes.performing import Outcome, perform
from pyros_kernel.recipes.rehearsal import rehearse
from pyros_kernel.recipes.run import RecipeRun
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.timeline import Timeline
from pyros_kernel.services import Services
from pyros_kernel.store import RecipeRecord, Store
from pyros_kernel.store.patience import LONGEST_REAL_S, Ending, patiently

logger = logging.getLogger(__name__)

_BY_HAND_REAL_S = 15.0  # somebody waits at the prompt, and can try again


class Recipe:
    """A recipe; called like its function, it runs as a part of another recipe.

    :param function: its first parameter takes the :class:`Steps`, the others are what it is asked for
    :param needs: what it needs of the night
    """

    def __init__(self, function: Callable[..., Any], needs: Needs) -> None:
        self.function, self.needs = function, needs
        self.name = function.__name__
        self.fields: tuple[Field, ...] = fields_of(function)
        self.source = _source(function)
        functools.update_wrapper(self, function)

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    def __call__(self, steps: Steps, *args: Any, **kwargs: Any) -> Any:
        """Run as a part of another recipe."""
        return self.function(steps, *args, **kwargs)

    def start(self, host: Host | Services, *, run_id: int | None = None, **arguments: Any) -> Any:
        """Start it, and return at once; where another kernel commands, rehearse it instead.

        :param host: the observatory; bare services in a worker, where the night can't be asked to pause
        :param run_id: of a run to go on with; its done steps are not done again
        :param arguments: objects, or text as on the command line
        :return: a :class:`RecipeRun`; of a rehearsal, which takes seconds, its
            :class:`~pyros_kernel.recipes.rehearsal.Timeline`
        :raises BadArgument: naming the argument and what would do
        :raises Refused: if another recipe has the telescope
        """
        if not isinstance(host, Services) and (other := host.commanded_by()):
            logger.warning("recipe %s is rehearsed, nothing moves: %s", self.name, other)
            return self.rehearse(host, **arguments)
        return self.launch(host, arguments, run_id=run_id)

    def launch(
        self,
        host: Host | Services,
        arguments: Mapping[str, Any],
        *,
        run_id: int | None = None,
        rehearsing: bool = False,
    ) -> RecipeRun:
        """Start it; as :meth:`start`, with what only a queue or a rehearsal gives."""
        services = host if isinstance(host, Services) else host.services
        read = self.read(arguments, services.store)
        alone = self.needs is not Needs.NOTHING
        ledger = self._take_up(services, read, services.store.ending, _BY_HAND_REAL_S, run_id=run_id, alone=alone)
        core = Core(self.name, services, ledger, self._loan(host, services), rehearsing=rehearsing)
        return RecipeRun(self.name, core, lambda steps: self.function(steps, **read))

    def run_for_night(
        self,
        services: Services,
        arguments: Mapping[str, Any],
        cancelled: Cancellation,
        analysis: Executor,
        slew: Operation[TelescopeState] | None = None,
        *,
        run_id: int | None = None,
    ) -> Outcome:
        """Run it in this thread, as a part of the night's own work: nothing is borrowed.

        :param cancelled: set by whoever has the telescope when it is wanted elsewhere; the run is interrupted then
        :param analysis: where images are analysed
        :param slew: to its target, if it is under way already
        :param run_id: of a run to go on with; its done steps are not done again
        :raises BadArgument: naming the argument and what would do
        """
        read = self.read(arguments, services.store)
        ledger = self._take_up(services, read, cancelled, LONGEST_REAL_S, of_night=True, run_id=run_id)
        core = Core(self.name, services, ledger, Free(), analysis=analysis, slew=slew)
        # Before whoever cancels goes on: their slew must not be followed by one of this run.
        with cancelled.telling(lambda: core.interrupt(cancelled.reason)):
            return perform(core, lambda steps: self.function(steps, **read))

    def _take_up(
        self, services: Services, read: Mapping[str, Any], ending: Ending, longest_real_s: float, **how: Any
    ) -> Ledger:
        plain = {name: to_json(value) for name, value in read.items()}
        return patiently(
            f"the start of recipe {self.name}",
            lambda: take_up(services.store, services.clock, name=self.name, source=self.source, arguments=plain, **how),
            ending,
            longest_real_s,
        )

    def enqueue(self, services: Services, arguments: Mapping[str, Any]) -> int:
        """Write a run into the store, to be run later: by ``resume``, or by the task ``run_recipe`` in a worker.

        :param arguments: objects, or text as on the command line
        :return: its number
        :raises BadArgument: naming the argument and what would do
        """
        read = self.read(arguments, services.store)
        with services.store.session() as session:
            record = RecipeRecord(
                name=self.name,
                source=self.source,
                arguments={key: to_json(value) for key, value in read.items()},
                created=datetime.fromtimestamp(services.clock.unix_s(), UTC),
            )
            session.add(record)
            session.flush()
            return record.id

    def rehearse(self, host: Host | Services | None = None, **arguments: Any) -> Timeline:
        """Run it on an accelerated clock against simulators of its own, and give the timeline.

        :param host: the observatory whose site, devices and requests are taken; the fixture's if left out
        :param arguments: those of the recipe, and ``at`` (Time or ISO; the middle of the night if left out) and
            ``speed`` (200)
        """
        return rehearse(self, host, arguments)

    def read(self, arguments: Mapping[str, Any], store: Store | None) -> dict[str, Any]:
        """Make its arguments of what was given; see :func:`read_arguments`."""
        return read_arguments(self.fields, arguments, store, name=self.name)

    def panel(self, host: Host | Services) -> Any:
        """Give its form to fill in: an input for each parameter; buttons start, rehearse and queue it.

        :param host: as for :meth:`start`
        :raises LookupError: if no installed package brings one
        """
        return handle("recipe_form")(self, host)

    def form(self) -> list[dict[str, Any]]:
        """Describe its parameters in plain values, for a form."""
        return [field.describe() for field in self.fields]

    def __repr__(self) -> str:
        return f"<recipe {self.name}({', '.join(field.name for field in self.fields)})>"

    def _loan(self, host: Host | Services, services: Services) -> Loan:
        if self.needs is Needs.NOTHING:
            return Free()
        if isinstance(host, Services):
            return NightLoan(services, self.needs, self.name, None, None)
        return NightLoan(services, self.needs, self.name, host.pause, host.resume)


def _source(function: Callable[..., Any]) -> str:
    """Say where a function is found again: module or file; empty for one that lives in a notebook."""
    if function.__module__ != "__main__" and "<locals>" not in function.__qualname__:
        return f"{function.__module__}:{function.__qualname__}"
    file = inspect.getsourcefile(function)
    if file and Path(file).is_file() and "<locals>" not in function.__qualname__:
        return f"{Path(file).resolve()}:{function.__qualname__}"
    return ""
