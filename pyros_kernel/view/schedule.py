"""The schedule as panels show it: its sequences, what people changed of it, and each programme's share."""

from __future__ import annotations

import json
import time
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from pyros_kernel.scheduling.interventions import Interventions
from pyros_kernel.scheduling.quotas import read_quotas
from pyros_kernel.snapshot import PlanView, QuotaView, SequenceView
from pyros_kernel.store import Night, PlacedSequence, Request, RequestKind, Schedule, ScheduleStatus, Sequence
from pyros_kernel.view.sky import SkyLook

_QUOTAS_REAL_S = 10.0  # they change when a sequence ends


class ScheduleLook:
    """Look at the current schedule; one thread at a time.

    :param sky: gives each sequence's altitude through the night
    """

    def __init__(self, sky: SkyLook) -> None:
        self._sky = sky
        self._hands = Interventions()
        self._quotas_real_s = -_QUOTAS_REAL_S
        self.placed: tuple[SequenceView, ...] = ()
        self.rejected: tuple[SequenceView, ...] = ()
        self.plan: PlanView | None = None
        self.quotas: tuple[QuotaView, ...] = ()

    def read(self, session: Session, night: Night) -> None:
        """Read it from the store."""
        schedule = session.scalar(
            select(Schedule).where(Schedule.night_id == night.id, Schedule.status == ScheduleStatus.CURRENT)
        )
        entries = [] if schedule is None else _entries(session, schedule)
        # What was done before this schedule was made stands in no entry of it.
        done = session.scalars(
            select(Sequence)
            .where(Sequence.started >= night.sunset, Sequence.id.not_in([e.sequence_id for e in entries]))
            .options(joinedload(Sequence.request).joinedload(Request.programme))
            .order_by(Sequence.started)
        ).all()
        self._hands = Interventions.read(session, night.id)
        self.placed = (
            *(self._view(s, s.started, s.ended, s.reason) for s in done),
            *(self._sequence(e) for e in entries if e.start is not None),
        )
        self.rejected = tuple(self._sequence(e) for e in entries if e.start is None)
        self.plan = None if schedule is None else _plan(schedule)
        self._sky.follow((*done, *(e.sequence for e in entries)))
        self._read_quotas(session, night)

    def _read_quotas(self, session: Session, night: Night) -> None:
        now_s = time.monotonic()
        if now_s - self._quotas_real_s < _QUOTAS_REAL_S:
            return
        self._quotas_real_s = now_s
        self.quotas = tuple(
            QuotaView(q.programme, q.percent, q.limit_s, q.used_s) for q in read_quotas(session, night.site, night.name)
        )

    def _sequence(self, entry: PlacedSequence) -> SequenceView:
        reason = entry.reason if entry.start is None else entry.sequence.reason
        return self._view(entry.sequence, entry.start, entry.end, reason, entry.reason)

    def _view(
        self, sequence: Sequence, start: datetime | None, end: datetime | None, reason: str, why: str = ""
    ) -> SequenceView:
        return SequenceView(
            id=sequence.id,
            name=sequence.name,
            programme=sequence.request.programme.name,
            status=sequence.status.value,
            reason=reason,
            start_s=_s(start),
            end_s=_s(end),
            is_alert=sequence.request.kind is RequestKind.ALERT,
            curve=self._sky.curve(sequence),
            why=why,
            min_altitude_deg=sequence.min_altitude_deg,
            needs=_needs(sequence),
            priority=sequence.priority,
            pinned=sequence.id in self._hands.pinned,
            dropped=sequence.id in self._hands.dropped,
        )


def _entries(session: Session, schedule: Schedule) -> list[PlacedSequence]:
    rows = session.scalars(
        select(PlacedSequence)
        .where(PlacedSequence.schedule_id == schedule.id)
        .options(joinedload(PlacedSequence.sequence).joinedload(Sequence.request).joinedload(Request.programme))
        .order_by(PlacedSequence.start)
    )
    return list(rows)


def _plan(schedule: Schedule) -> PlanView:
    return PlanView(
        schedule.created.timestamp(), schedule.reason, schedule.changes or "", schedule.value, schedule.bound
    )


def _needs(sequence: Sequence) -> dict[str, str]:
    needs = {
        "priority": f"{sequence.priority:g}",
        "altitude": f"above {sequence.min_altitude_deg:g}°",
        "Sun": f"below {sequence.max_sun_altitude_deg:g}°".replace("-", "−"),
    }
    if sequence.min_moon_separation_deg > 0:
        needs["Moon"] = f"at least {sequence.min_moon_separation_deg:g}° away"
    if sequence.window_start or sequence.window_end:
        ends = (f"{t:%d %b %H:%M}" if t else "…" for t in (sequence.window_start, sequence.window_end))
        needs["window"] = " to ".join(ends) + " UTC"
    for name, value in (sequence.constraints or {}).items():
        needs[name.replace("_", " ")] = value if isinstance(value, str) else json.dumps(value)
    if sequence.preferred:
        needs["preferred"] = f"{sequence.preferred:%d %b %H:%M} UTC"
    if sequence.nights is not None or sequence.first_night is not None:
        first = f"from {sequence.first_night}" if sequence.first_night else "from the first"
        needs["nights"] = first if sequence.nights is None else f"{sequence.nights} {first}"
    if sequence.after_id is not None:
        least = f"{(sequence.min_gap_s or 0.0) / 3600:.1f}"
        most = "" if sequence.max_gap_s is None else f" to {sequence.max_gap_s / 3600:.1f}"
        needs["follows"] = f"sequence {sequence.after_id} by {least}{most} h"
    return needs


def _s(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()
