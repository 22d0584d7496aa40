"""Alerts, and the strategies that turn them into requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pyros_kernel.store import status as st
from pyros_kernel.store.base import Base, Stateful, status_column
from pyros_kernel.store.request import Request


class Strategy(Base):
    """How an alert becomes a request.

    ``conditions`` say which alerts it wants, ``observation`` what is observed (both documented in
    ``pyros_kernel.alerts``); of several that want an alert the one of largest ``order`` wins.
    """

    __tablename__ = "strategy"
    group = "common"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    order: Mapped[int] = mapped_column(default=0)
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    observation: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Alert(Stateful, Base):
    """A packet that asks for an observation; its bytes lie at ``path`` in the data directory.

    ``digest`` is the SHA-1 of the packet's canonical form: together with ``ivorn`` it tells a copy from a new
    version.  ``steps`` keeps the milliseconds from the packet's last byte received to each step.
    """

    __tablename__ = "alert"
    # By these an alert finds others of its event, among a million that are stored.
    __table_args__ = (
        UniqueConstraint("ivorn", "digest"),
        Index("ix_alert_trigger_id", "trigger_id", "stream"),
        Index("ix_alert_is_retraction", "is_retraction", "received"),
    )
    group = "common"
    transitions = st.ALERT_TRANSITIONS

    ivorn: Mapped[str] = mapped_column(String(512), index=True)
    digest: Mapped[str] = mapped_column(String(40))
    status: Mapped[st.AlertStatus] = status_column(st.AlertStatus, st.AlertStatus.RECEIVED)
    role: Mapped[str] = mapped_column(String(16))
    stream: Mapped[str] = mapped_column(String(128), default="")
    packet_type: Mapped[str] = mapped_column(String(64), default="")
    trigger_id: Mapped[str] = mapped_column(String(64), default="")
    received: Mapped[datetime] = mapped_column(index=True)
    is_retraction: Mapped[bool] = mapped_column(default=False, server_default=false())
    event_time: Mapped[datetime | None] = mapped_column(index=True)
    ra_deg: Mapped[float | None]
    dec_deg: Mapped[float | None]
    error_deg: Mapped[float | None]
    source: Mapped[str] = mapped_column(default="")
    path: Mapped[str] = mapped_column(default="")
    steps: Mapped[dict[str, Any]] = mapped_column(default=dict)
    strategy_id: Mapped[int | None] = mapped_column(ForeignKey("strategy.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"), index=True)

    strategy: Mapped[Strategy | None] = relationship()
    request: Mapped[Request | None] = relationship()

    def __repr__(self) -> str:
        return f"<Alert {self.id} {self.ivorn}>"
