"""The schedules that were made in a night."""

from __future__ import annotations

from dataclasses import dataclass

from astropy.time import Time
from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.store import Schedule


@dataclass(frozen=True, slots=True)
class Change:
    """A schedule that was made in the night: when, why, and what it changed."""

    time: Time
    reason: str
    changes: str
    placed: int
    gap: float | None


def read_changes(session: Session, night_id: int) -> tuple[Change, ...]:
    """Give a night's schedules in the order in which they were made."""
    rows = session.scalars(select(Schedule).where(Schedule.night_id == night_id).order_by(Schedule.id)).all()
    return tuple(
        Change(Time(row.created), row.reason, row.changes or "", sum(e.start is not None for e in row.entries), row.gap)
        for row in rows
    )
