"""What a run of a recipe writes down, so that a crash takes nothing from it but the step under way."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psutil
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from pyros_kernel.clock import Clock
from pyros_kernel.recipes.errors import Refused
from pyros_kernel.store import RecipeRecord, RecipeStatus, RecipeStep, StepStatus, Store
from pyros_kernel.store.patience import patiently

_ACTIVE = (RecipeStatus.RUNNING, RecipeStatus.PAUSED)
_CRASH = "its process ended while it ran"
_here: set[tuple[str, int]] = set()  # (store, run) of what this process runs
_here_guard = threading.Lock()


class Ledger:
    """The store's rows of one run; while the store is away for a moment, whoever writes waits.

    :param run_id: of its :class:`RecipeRecord`
    """

    def __init__(self, store: Store, clock: Clock, run_id: int) -> None:
        self._store, self._clock, self.run_id = store, clock, run_id
        with _here_guard:
            _here.add((store.url, run_id))

    def release(self) -> None:
        """Note that nobody runs it here any more, whether that could be written or not."""
        with _here_guard:
            _here.discard((self._store.url, self.run_id))

    def done(self, name: str) -> tuple[bool, Any]:
        """Tell whether a step is done, and its result."""

        def read() -> tuple[bool, Any]:
            with self._store.session(read_only=True) as session:
                step = session.scalar(_step(self.run_id, name))
                found = step is not None and step.status is StepStatus.DONE
                return found, step.result if step is not None and found else None

        return patiently(f"a look at step {name!r}", read, self._store.ending)

    def begin(self, name: str) -> bool:
        """Write that a step begins, for the first time or again.

        :return: whether it began before, and nobody could write how it ended: a crash cut it off
        """
        cut_off = False

        def write(session: Session) -> None:
            nonlocal cut_off
            step = session.scalar(_step(self.run_id, name))
            cut_off = cut_off or (step is not None and step.status is StepStatus.RUNNING)
            if step is None:
                session.add(RecipeStep(run_id=self.run_id, name=name, started=self._now()))
            else:
                step.status, step.reason = StepStatus.RUNNING, ""
                step.started, step.ended = self._now(), None
                step.tries += 1

        self._write(f"step {name!r}", write)
        return cut_off

    def end(self, name: str, status: StepStatus, reason: str = "", result: Any = None) -> None:
        """Write how a step ended."""

        def write(session: Session) -> None:
            step = session.scalars(_step(self.run_id, name)).one()
            step.status, step.reason, step.result, step.ended = status, reason, result, self._now()

        self._write(f"the end of step {name!r}", write)

    def note(self, name: str, result: Any) -> None:
        """Write a step that began and ended in one moment."""

        def write(session: Session) -> None:
            now = self._now()
            if session.scalar(_step(self.run_id, name)) is None:
                done = StepStatus.DONE
                session.add(
                    RecipeStep(run_id=self.run_id, name=name, status=done, started=now, ended=now, result=result)
                )

        self._write(f"step {name!r}", write)

    def become(self, status: RecipeStatus, reason: str = "", result: Any = None) -> None:
        """Write where the run stands."""

        def write(session: Session) -> None:
            run = session.get_one(RecipeRecord, self.run_id)
            run.become(status, reason)
            if status not in _ACTIVE:
                run.ended, run.result = self._now(), result

        self._write(f"run {self.run_id}: {status}", write)

    def steps(self) -> list[RecipeStep]:
        """Give the steps in the order in which they first began."""
        with self._store.session(read_only=True) as session:
            return list(
                session.scalars(select(RecipeStep).where(RecipeStep.run_id == self.run_id).order_by(RecipeStep.id))
            )

    def _write(self, what: str, write: Callable[[Session], None]) -> None:
        def once() -> None:
            with self._store.session() as session:
                write(session)

        patiently(what, once, self._store.ending)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.unix_s(), UTC)


def take_up(
    store: Store,
    clock: Clock,
    *,
    name: str,
    source: str,
    arguments: dict[str, Any],
    run_id: int | None = None,
    alone: bool = False,
    of_night: bool = False,
) -> Ledger:
    """Write that a run begins, unless another one has the telescope.

    :param run_id: of a run to go on with (queued, or stopped before its end); a new one if None
    :param alone: whether it needs the telescope or the cameras for itself
    :param of_night: whether it is a part of the night's own work
    :raises Refused: if another run has them, or ``run_id`` can't go on
    """
    now = datetime.fromtimestamp(clock.unix_s(), UTC)
    ledger: Ledger | None = None
    try:
        with store.session() as session:
            active = list(session.scalars(select(RecipeRecord).where(RecipeRecord.status.in_(_ACTIVE))))
            for run in active:
                if not _lives(store, run):
                    run.become(RecipeStatus.INTERRUPTED, _CRASH)
                    run.ended = now
                elif alone and run.id != run_id and not run.of_night:
                    raise Refused(f"recipe {run.name} (run {run.id}) has the telescope: wait for it, or abort it")
            if run_id is None:
                record = RecipeRecord(name=name, source=source, arguments=arguments, created=now, of_night=of_night)
                session.add(record)
            else:
                record = session.get(RecipeRecord, run_id)
                if record is None or record.name != name:
                    raise Refused(f"there is no run {run_id} of recipe {name}")
                if record.status is RecipeStatus.DONE or record.status in _ACTIVE:
                    raise Refused(f"run {run_id} of recipe {name} is {record.status}: there is nothing to resume")
            record.become(RecipeStatus.RUNNING)
            record.holder, record.started, record.ended = holder(), record.started or now, None
            session.flush()
            # Before anybody can see the row: a run that nobody runs is taken for one that crashed.
            ledger = Ledger(store, clock, record.id)
    except BaseException:
        if ledger is not None:
            ledger.release()
        raise
    return ledger


def unfinished(store: Store) -> list[RecipeRecord]:
    """Give the runs by hand that stopped before their end and were not aborted, oldest first; finds crashes."""
    with store.session() as session:
        runs = session.scalars(select(RecipeRecord).where(RecipeRecord.status.in_(_ACTIVE)))
        for run in list(runs):
            if not _lives(store, run):
                run.become(RecipeStatus.INTERRUPTED, _CRASH)
        session.flush()
        stopped = (RecipeRecord.status == RecipeStatus.INTERRUPTED, ~RecipeRecord.of_night)
        return list(session.scalars(select(RecipeRecord).where(*stopped).order_by(RecipeRecord.id)))


def last_of_night(store: Store, name: str, argument: str, value: int) -> RecipeRecord | None:
    """Give the night's newest run of a recipe with an argument, and its steps; None if that is done, or runs.

    :param argument: name of an argument that is a whole number
    """
    with store.session(read_only=True) as session:
        its = RecipeRecord.name == name, RecipeRecord.of_night, RecipeRecord.arguments[argument].as_integer() == value
        newest = select(RecipeRecord).where(*its).order_by(RecipeRecord.id.desc()).limit(1)
        run = session.scalar(newest.options(selectinload(RecipeRecord.steps)))
        if run is None or run.status is RecipeStatus.DONE or (run.status in _ACTIVE and _lives(store, run)):
            return None
        return run


def holder() -> str:
    """Name this process so that it can't be taken for a later one of the same number."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _lives(store: Store, run: RecipeRecord) -> bool:
    if run.holder == holder():
        return (store.url, run.id) in _here
    host, pid, created = run.holder.split()
    if host != socket.gethostname():
        return True  # nobody here can tell
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == created
    except psutil.NoSuchProcess:
        return False


def _step(run_id: int, name: str):
    return select(RecipeStep).where(RecipeStep.run_id == run_id, RecipeStep.name == name)
