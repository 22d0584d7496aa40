"""The table of tasks, which is the truth about them (a broker only carries), and the claims on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from pyros_kernel.store.base import Base


class Task(Base):
    """A task: what was asked for, how far it is, and what came of it.

    Its state is one of Celery's words (PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED) or LOST:
    it ran, its worker died, and it is not of a kind that may simply run again.  Celery decides how it moves;
    a final state is never left.
    """

    __tablename__ = "task"
    group = "history"

    uuid: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    queue: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="PENDING", index=True)
    arguments: Mapped[str] = mapped_column(default="")  # as shown to people
    sent: Mapped[datetime]
    due: Mapped[datetime]  # when it may start: at once, or at its ETA
    published: Mapped[datetime | None]  # when the broker last took its message
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)  # how often it was started
    retries: Mapped[int] = mapped_column(default=0)  # how often it asked to be tried again
    worker: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(default="")  # why it is to end, or why it was revoked or lost
    abort: Mapped[bool] = mapped_column(default=False)  # it is to end though it runs
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[Any] = mapped_column(JSON, nullable=True)
    traceback: Mapped[str] = mapped_column(default="")
    message: Mapped[dict[str, Any]] = mapped_column(default=dict)  # to publish it again

    def __repr__(self) -> str:
        return f"<Task {self.name} {self.uuid}: {self.state}>"


class Claim(Base):
    """A start of a task by a worker: the row is there before the task runs, and only one can make it."""

    __tablename__ = "claim"
    group = "history"

    name: Mapped[str] = mapped_column(String(96), unique=True)  # uuid of the task, number of the try
    holder: Mapped[str] = mapped_column(String(64))
    taken: Mapped[datetime]
