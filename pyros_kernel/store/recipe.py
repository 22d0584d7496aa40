"""Runs of recipes and their steps: what a resumed run need not do again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pyros_kernel.store.base import Base, Stateful, status_column

BEST_FOCUS = "best focus"  # how the step is called that leaves the focuser there, in whatever recipe


class RecipeStatus(StrEnum):
    """Where a run of a recipe stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"  # it may be resumed: a crash, the end of the night, a stopped observatory


_R = RecipeStatus
_ENDS = frozenset({_R.DONE, _R.FAILED, _R.ABORTED, _R.INTERRUPTED})
RECIPE_TRANSITIONS: dict[RecipeStatus, frozenset[RecipeStatus]] = {
    _R.QUEUED: frozenset({_R.RUNNING, _R.ABORTED}),
    _R.RUNNING: _ENDS | {_R.PAUSED},
    _R.PAUSED: _ENDS | {_R.RUNNING},
    # Run again, a failed or aborted recipe goes on where it stopped, as an interrupted one does.
    _R.FAILED: frozenset({_R.RUNNING}),
    _R.ABORTED: frozenset({_R.RUNNING}),
    _R.INTERRUPTED: frozenset({_R.RUNNING, _R.ABORTED}),
    _R.DONE: frozenset(),
}


class StepStatus(StrEnum):
    """Where a step of a run stands."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class RecipeRecord(Stateful, Base):
    """A run of a recipe: what was asked for, how far it is, and how it ended.

    ``arguments`` are as a recipe's signature reads them back; ``source`` says where the recipe is found again;
    ``holder`` is who runs it: host, process id and when that process was started.  A run ``of_night`` is a part of
    the night's own work: it gives way to whoever borrows the telescope, and is not resumed by hand.
    """

    __tablename__ = "recipe_run"
    group = "history"
    transitions = RECIPE_TRANSITIONS

    name: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(default="")
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[RecipeStatus] = status_column(RecipeStatus, RecipeStatus.QUEUED)
    holder: Mapped[str] = mapped_column(default="")
    of_night: Mapped[bool] = mapped_column(default=False, server_default=false())
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    result: Mapped[Any] = mapped_column(JSON, nullable=True)

    steps: Mapped[list[RecipeStep]] = relationship(back_populates="run", order_by="RecipeStep.id")

    def __repr__(self) -> str:
        return f"<Recipe run {self.id} {self.name!r}>"


class RecipeStep(Base):
    """A named step of a run; one that is done is not done again."""

    __tablename__ = "recipe_step"
    __table_args__ = (UniqueConstraint("run_id", "name"),)
    group = "history"

    run_id: Mapped[int] = mapped_column(ForeignKey("recipe_run.id"))
    name: Mapped[str] = mapped_column(String(128))
    status: Mapped[StepStatus] = status_column(StepStatus, StepStatus.RUNNING)
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str] = mapped_column(default="")
    result: Mapped[Any] = mapped_column(JSON, nullable=True)

    run: Mapped[RecipeRecord] = relationship(back_populates="steps")
