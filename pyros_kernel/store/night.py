"""The night, and the schedules that were made for it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pyros_kernel.store import status as st
from pyros_kernel.store.base import Base, Stateful, status_column
from pyros_kernel.store.request import Sequence
from pyros_kernel.store.site import Site

# How the reason of a night begins that somebody asked to hold; what follows is the reason they gave.
PAUSED_BY_HAND = "paused by hand: "

_IS_CURRENT = text(f"status = '{st.ScheduleStatus.CURRENT.value}'")


class Night(Stateful, Base):
    """Sunset to sunrise at a site, named by its evening date (``2026-11-22``, local)."""

    __tablename__ = "night"
    group = "common"
    transitions = st.NIGHT_TRANSITIONS

    name: Mapped[str] = mapped_column(String(16), unique=True)
    status: Mapped[st.NightStatus] = status_column(st.NightStatus, st.NightStatus.CLOSED)
    sunset: Mapped[datetime]
    dusk: Mapped[datetime]  # end of evening astronomical twilight: Sun at -18 degrees
    dawn: Mapped[datetime]
    sunrise: Mapped[datetime]
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))

    site: Mapped[Site] = relationship()

    def __repr__(self) -> str:
        return f"<Night {self.name}>"


class Schedule(Stateful, Base):
    """A plan of the rest of a night, as it was made at ``created``; old ones are kept.

    ``reason`` says why it was made, ``changes`` what it moved.  ``value`` is what the planner made of it, in
    priority × seconds, and ``bound`` what no plan can exceed; None where it was not looked for.
    """

    __tablename__ = "schedule"
    group = "common"
    transitions = st.SCHEDULE_TRANSITIONS
    # Held by the database, so that no two schedulers, of whatever process or machine, both have the last word.
    __table_args__ = (
        Index("one_current_schedule", "night_id", unique=True, sqlite_where=_IS_CURRENT, postgresql_where=_IS_CURRENT),
    )

    status: Mapped[st.ScheduleStatus] = status_column(st.ScheduleStatus, st.ScheduleStatus.CURRENT)
    created: Mapped[datetime]
    plan_start: Mapped[datetime]
    plan_end: Mapped[datetime]
    changes: Mapped[str | None]
    value: Mapped[float | None]
    bound: Mapped[float | None]
    night_id: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True)

    night: Mapped[Night] = relationship()
    entries: Mapped[list[PlacedSequence]] = relationship(back_populates="schedule", order_by="PlacedSequence.start")

    @property
    def gap(self) -> float | None:
        """By what share of its bound it may be short of the best plan at most; None without a bound."""
        if self.value is None or self.bound is None:
            return None
        return 0.0 if self.bound <= 0 else max(0.0, 1.0 - self.value / self.bound)


class PlacedSequence(Base):
    """A sequence in a schedule: placed from ``start`` to ``end``, or rejected (no times) for ``reason``."""

    __tablename__ = "placed_sequence"
    group = "common"
    __table_args__ = (Index("once_in_a_schedule", "schedule_id", "sequence_id", unique=True),)

    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"), index=True)
    sequence_id: Mapped[int] = mapped_column(ForeignKey("sequence.id"), index=True)

    schedule: Mapped[Schedule] = relationship(back_populates="entries")
    sequence: Mapped[Sequence] = relationship()


class InterventionKind(StrEnum):
    """What a person changes of a night's schedule."""

    PIN = "pin"  # the sequence is observed from ``start``, and at no other time
    DROP = "drop"  # the sequence is not observed in this night
    BLOCK = "block"  # nothing is observed from ``start`` to ``end``: a forecast of clouds, work in the dome


class Intervention(Base):
    """What a person wants of a night's schedule, until it is taken back; the planner starts from it.

    ``sequence`` is that which is pinned or dropped, at most one of either; a block has none.
    """

    __tablename__ = "intervention"
    group = "common"

    kind: Mapped[InterventionKind] = status_column(InterventionKind, InterventionKind.PIN)
    created: Mapped[datetime]
    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    night_id: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True)
    sequence_id: Mapped[int | None] = mapped_column(ForeignKey("sequence.id"), index=True)

    night: Mapped[Night] = relationship()
    sequence: Mapped[Sequence | None] = relationship()


class Forecast(Base):
    """What the sky is expected to be like at a moment of a night; between two moments a straight line."""

    __tablename__ = "forecast"
    group = "common"
    __table_args__ = (Index("forecast_by_time", "night_id", "time", unique=True),)

    time: Mapped[datetime]
    seeing_arcsec: Mapped[float]  # FWHM at the zenith
    transparency: Mapped[float] = mapped_column(default=1.0)  # 0 … 1
    source: Mapped[str] = mapped_column(String(64), default="")
    night_id: Mapped[int] = mapped_column(ForeignKey("night.id"))

    night: Mapped[Night] = relationship()
