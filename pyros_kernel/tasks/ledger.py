"""What happens to a task, written into its row: sent, claimed, ended, revoked, lost.

Every function is one short transaction that looks at the row first: a final state is never left, and a task
runs only with a claim.  Whoever calls :func:`claim` holds the lock of the task's queue, so that a row that says
"it runs" then means that whoever ran it died.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.store import Claim, Task
from pyros_kernel.tasks import place

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "LOST"})
RUNNING = frozenset({"STARTED", "PROGRESS"})
WAITING = frozenset({"PENDING", "RETRY"})
MAX_TRIES = 3  # a task whose worker died so often is likely to be what kills it


class Revoked(Enum):
    """What came of a wish to revoke."""

    NEVER = "it will not run"
    TOLD = "it runs, and was told to end"
    RUNS = "it runs, and goes on: terminate=True ends it"
    OVER = "it had ended"
    UNKNOWN = "there is no such task"


@dataclass(frozen=True, slots=True)
class Sent:
    """A task that was sent, as its message says.

    :param due: when it may start
    :param message: headers and body, to publish it again
    """

    uuid: str
    name: str
    queue: str
    arguments: str
    retries: int
    due: datetime
    message: dict[str, Any]


def now() -> datetime:
    """Give the real time: a broker's ETA knows no other."""
    return datetime.now(UTC)


def note_sent(sent: Sent) -> None:
    """Write a task down before its message goes out; again for each retry."""
    with place.session() as session:
        row = _row(session, sent.uuid)
        if row is None:
            row = Task(uuid=sent.uuid, name=sent.name, sent=now())
            session.add(row)
        elif row.state in FINAL:
            return
        row.queue, row.arguments, row.message = sent.queue, sent.arguments, sent.message
        row.retries, row.due, row.published = sent.retries, sent.due, now()


def claim(uuid: str, retries: int, holder: str, *, rerun: bool, again: bool = False) -> str:
    """Take a task for running; the caller holds its queue's lock.

    :param retries: the message's number: one of an earlier try is stale
    :param rerun: whether its kind may run again after its worker died
    :param again: whether this holder has asked a moment ago and may not have heard that it has it
    :return: why it must not run; nothing if it is ours
    """
    with place.session() as session:
        row = _row(session, uuid)
        if row is None:
            return "nobody sent it"
        if row.state in FINAL:
            return f"it is {row.state}"
        if row.retries != retries:
            return f"its try {retries} is over"
        if row.abort:
            _end(row, "REVOKED", row.reason)
            return "it was revoked"
        if again and row.state == "STARTED" and row.worker == holder:
            return ""
        if row.state in RUNNING and not _may_run_again(row, rerun):
            return "it is LOST"
        row.tries += 1
        row.state, row.started, row.worker = "STARTED", now(), holder
        session.add(Claim(name=f"{uuid}:{row.tries}", holder=holder, taken=now()))
        return ""


def end(uuid: str, state: str, *, result: Any = None, traceback: str = "", reason: str = "") -> None:
    """Write how a task ended, or that it is to be retried, or how far it is; nothing if it has ended before."""
    with place.session() as session:
        row = _row(session, uuid)
        if row is None:  # the rest of a chain whose beginning failed was never sent
            row = Task(uuid=uuid, name="", queue="", sent=now(), due=now())
            session.add(row)
        if row.state in FINAL:
            return
        if state == "PROGRESS":
            row.state, row.progress = state, result
        elif state == "RETRY":
            row.state, row.traceback = state, traceback
        else:
            row.result, row.traceback = result, traceback
            _end(row, state, reason)


def revoke(uuid: str, reason: str, *, terminate: bool = False) -> tuple[Revoked, dict[str, Any]]:
    """Take a task back: at once if it waits; one that runs is told to end, if ``terminate``.

    :return: what came of it, and its message
    """
    with place.session() as session:
        row = _row(session, uuid)
        if row is None:
            return Revoked.UNKNOWN, {}
        if row.state in FINAL:
            return Revoked.OVER, row.message
        if row.state in WAITING:
            _end(row, "REVOKED", reason)
            return Revoked.NEVER, row.message
        if not terminate:
            return Revoked.RUNS, row.message
        row.abort, row.reason = True, reason
        return Revoked.TOLD, row.message


def wish_to_end(uuid: str) -> str | None:
    """Say why a running task is to end; None if it is not."""
    with place.session(read_only=True) as session:
        found = session.execute(select(Task.abort, Task.reason).where(Task.uuid == uuid)).one_or_none()
    return found.reason or "revoked" if found is not None and found.abort else None


def bury(uuid: str, *, rerun: bool, why: str) -> str | None:
    """Decide about a running task whose worker died.

    :return: its state from now on: PENDING, if it is to be published again; None if somebody decided before
    """
    with place.session() as session:
        row = _row(session, uuid)
        if row is None or row.state not in RUNNING:
            return None
        if row.abort:
            _end(row, "REVOKED", row.reason)
        else:
            _may_run_again(row, rerun, why)
        return row.state


def give_back(uuid: str) -> None:
    """Let a task wait again: its worker was stopped, and it is of a kind that may run again."""
    with place.session() as session:
        row = _row(session, uuid)
        if row is not None and row.state in RUNNING:
            row.state, row.published = "PENDING", None


def note_published(uuid: str, *, taken: bool = True) -> None:
    """Write that the broker took a task's message, or didn't."""
    with place.session() as session:
        row = _row(session, uuid)
        if row is not None:
            row.published = now() if taken else None


def read(uuid: str) -> Task | None:
    """Read a task's row."""
    with place.session(read_only=True) as session:
        return session.scalar(select(Task).where(Task.uuid == uuid))


def choose(*states: str, also: Callable[[Any], Any] | None = None, limit: int = 1000) -> list[Task]:
    """Read the tasks in some states, oldest first; all if none is named."""
    with place.session(read_only=True) as session:
        query = select(Task).order_by(Task.id.desc()).limit(limit)
        if states:
            query = query.where(Task.state.in_(states))
        return list(reversed(session.scalars(query if also is None else also(query)).all()))


def holder(pid: int) -> str:
    """Name a process that works here."""
    return f"{socket.gethostname()[:50]}:{pid}"


def _row(session: Session, uuid: str) -> Task | None:
    return session.scalar(select(Task).where(Task.uuid == uuid).with_for_update())


def _may_run_again(row: Task, rerun: bool, why: str = "its worker died") -> bool:
    if rerun and row.tries < MAX_TRIES:
        row.state, row.published = "PENDING", None
        return True
    tries = f", {row.tries} times" if rerun else " while it ran"
    _end(row, "LOST", f"{why}{tries}: look at what it left, and send it again if need be")
    return False


def _end(row: Task, state: str, reason: str) -> None:
    row.state, row.ended = state, now()
    row.reason = reason or row.reason
