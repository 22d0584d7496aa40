"""What panels are told of the tasks: those that wait or run, and the last that ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from pyros_kernel.snapshot import TaskView
from pyros_kernel.store import Task

_OPEN = ("PENDING", "RETRY", "STARTED", "PROGRESS")
_MOST_OPEN, _LAST_ENDED = 100, 15
_SHOWN = (
    Task.uuid,
    Task.name,
    Task.arguments,
    Task.queue,
    Task.state,
    Task.progress,
    Task.reason,
    Task.sent,
    Task.started,
    Task.ended,
)


def read_tasks(session: Session) -> tuple[TaskView, ...]:
    """Read the tasks that wait or run, oldest first, and after them the last that ended, newest first."""
    query = select(Task).options(load_only(*_SHOWN))
    waiting = query.where(Task.state.in_(_OPEN)).order_by(Task.id).limit(_MOST_OPEN)
    ended = query.where(Task.state.not_in(_OPEN)).order_by(Task.id.desc()).limit(_LAST_ENDED)
    # Rows without a name are parts of chains that were never sent.
    return tuple(_view(row) for part in (waiting, ended) for row in session.scalars(part) if row.name)


def _view(row: Task) -> TaskView:
    since = row.ended or row.started or row.sent  # real time: a broker knows no other
    return TaskView(
        uuid=row.uuid,
        name=row.name,
        arguments=row.arguments,
        queue=row.queue,
        state=row.state,
        fraction=_fraction(row.progress, row.state),
        reason=row.reason,
        age_s=max(0.0, (datetime.now(UTC) - since).total_seconds()),
    )


def _fraction(progress: dict[str, Any], state: str) -> float | None:
    done, total = progress.get("done"), progress.get("total")
    if state == "SUCCESS":
        return 1.0
    return min(1.0, float(done) / float(total)) if done is not None and total else None
