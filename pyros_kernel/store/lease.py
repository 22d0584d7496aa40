"""The control lease: which kernel commands the instruments, and what became of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pyros_kernel.store.base import Base


class Lease(Base):
    """Who commands now; one row per thing to be commanded, there also when nobody does.

    Times are those of real clocks, whatever the observatory's shows: it is about living processes.
    """

    __tablename__ = "lease"
    group = "history"

    name: Mapped[str] = mapped_column(String(32), unique=True)
    holder: Mapped[str] = mapped_column(String(160), default="")  # empty: nobody
    host: Mapped[str] = mapped_column(String(64), default="")
    pid: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime | None]
    heartbeat: Mapped[datetime | None]
    expires: Mapped[datetime | None]
    asked_by: Mapped[str] = mapped_column(String(160), default="")
    asked_for: Mapped[str] = mapped_column(default="")


class LeaseEvent(Base):
    """A change of the lease: taken, released, lapsed, asked, handed over or broken, by whom and why."""

    __tablename__ = "lease_event"
    group = "history"

    time: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(160))
    holder: Mapped[str] = mapped_column(String(160))  # who held it before
    reason: Mapped[str] = mapped_column(default="")
