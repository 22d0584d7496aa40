"""What the store knows of a night, read once, as plain values for report and summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from pyros_kernel.report.cells import CellFacts, read_cells
from pyros_kernel.report.recipes import recipes_of_night
from pyros_kernel.report.sequences import SequenceFacts, sequence_facts
from pyros_kernel.report.services import ReportServices
from pyros_kernel.scheduling.quotas import Quota, read_quotas
from pyros_kernel.store import AgentLog, Alert, Image, Night, Request, Schedule, Weather
from pyros_kernel.store import PlacedSequence as Placed
from pyros_kernel.store import Sequence as SequenceRow

_MARGIN = timedelta(hours=3)  # what happens so long before sunset or after sunrise still belongs to the night
_LOG_LINES = 200


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert, and what became of it.

    :param steps_ms: step → real milliseconds since the packet's last byte, in the order they were reached
    :param outcomes: name and outcome of each of its request's sequences
    """

    ivorn: str
    stream: str
    received: datetime
    status: str
    reason: str
    position_deg: tuple[float, float] | None
    error_deg: float | None
    request: str
    steps_ms: dict[str, float]
    outcomes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LogFacts:
    """A line of the log."""

    time: datetime
    source: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class WeatherFacts:
    """What was read of the weather at one moment, and what the safety rules made of it."""

    time: datetime
    readings: dict[str, Any]
    safe: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """A schedule that was made in the night.

    :param changes: what it moved, in words
    :param gap: by what share it may be short of the best plan at most; None where no bound was found
    """

    created: datetime
    reason: str
    changes: str
    placed: int
    gap: float | None


@dataclass(frozen=True, slots=True)
class NightFacts:
    """Everything about a night that is told of it afterwards.

    :param recipes: recipe → how often the night's own work was done by it
    """

    name: str
    status: str
    reason: str
    sunset: datetime
    dusk: datetime
    dawn: datetime
    sunrise: datetime
    sequences: tuple[SequenceFacts, ...]
    rejected: tuple[SequenceFacts, ...]
    schedules: tuple[ScheduleFacts, ...]
    quotas: tuple[Quota, ...]
    alerts: tuple[AlertFacts, ...]
    images: tuple[Image, ...]
    weather: tuple[WeatherFacts, ...]
    log: tuple[LogFacts, ...]
    cells: tuple[CellFacts, ...]
    recipes: dict[str, int]


def read_night(night_id: int, services: ReportServices) -> NightFacts:
    """Read a night from the store, in one consistent picture."""
    with services.store.session(read_only=True) as session:
        night = session.get_one(Night, night_id)
        span = (night.sunset - _MARGIN, night.sunrise + _MARGIN)
        images = tuple(session.scalars(select(Image).where(Image.night_id == night_id).order_by(Image.start)))
        schedules = session.scalars(
            select(Schedule).where(Schedule.night_id == night_id).order_by(Schedule.created, Schedule.id)
        ).all()
        told, rejected = _sequences(session, schedules, span, images)
        return NightFacts(
            name=night.name,
            status=str(night.status),
            reason=night.reason,
            sunset=night.sunset,
            dusk=night.dusk,
            dawn=night.dawn,
            sunrise=night.sunrise,
            sequences=told,
            rejected=rejected,
            schedules=tuple(
                ScheduleFacts(s.created, s.reason, s.changes or "", sum(e.start is not None for e in s.entries), s.gap)
                for s in schedules
            ),
            quotas=read_quotas(session, night.site, night.name),
            alerts=tuple(_alerts(session, span, told)),
            images=images,
            weather=tuple(
                WeatherFacts(row.time, row.readings, row.safe, row.reason)
                for row in session.scalars(select(Weather).where(Weather.time.between(*span)).order_by(Weather.time))
            ),
            log=_log(session, span),
            cells=read_cells(session, night, span, (*told, *rejected), images),
            recipes=recipes_of_night(session, span),
        )


def _sequences(
    session: Session,
    schedules: Sequence[Schedule],
    span: tuple[datetime, datetime],
    images: Iterable[Image],
) -> tuple[tuple[SequenceFacts, ...], tuple[SequenceFacts, ...]]:
    """Give the sequences that were placed or begun, and those that never were."""
    entries: dict[int, list[Placed]] = {}
    for schedule in schedules:
        for entry in schedule.entries:
            entries.setdefault(entry.sequence_id, []).append(entry)
    rows = session.scalars(
        select(SequenceRow)
        .where(SequenceRow.id.in_(entries) | SequenceRow.started.between(*span))
        .options(joinedload(SequenceRow.request).joinedload(Request.programme), selectinload(SequenceRow.albums))
    )
    of_plan: dict[int, list[Image]] = {}
    for image in images:
        if image.plan_id is not None:
            of_plan.setdefault(image.plan_id, []).append(image)
    facts = [sequence_facts(row, entries.get(row.id, []), span, of_plan) for row in rows]
    told = sorted((f for f in facts if f.planned or f.started), key=lambda f: f.order)
    return tuple(told), tuple(sorted((f for f in facts if f not in told), key=lambda f: f.name))


def _alerts(session: Session, span: tuple[datetime, datetime], told: tuple[SequenceFacts, ...]) -> Iterable[AlertFacts]:
    outcomes = {fact.id: fact.outcome for fact in told}
    rows = session.scalars(
        select(Alert)
        .where(Alert.received.between(*span))
        .options(joinedload(Alert.request).selectinload(Request.sequences))
        .order_by(Alert.received, Alert.id)
    )
    for row in rows:
        steps = {step: float(ms) for step, ms in row.steps.items() if isinstance(ms, int | float)}
        position = None if row.ra_deg is None or row.dec_deg is None else (row.ra_deg, row.dec_deg)
        yield AlertFacts(
            ivorn=row.ivorn,
            stream=row.packet_type or row.stream,
            received=row.received,
            status=str(row.status),
            reason=row.reason,
            position_deg=position,
            error_deg=row.error_deg,
            request=row.request.name if row.request else "",
            steps_ms=dict(sorted(steps.items(), key=lambda step: step[1])),
            outcomes=tuple((s.name, outcomes.get(s.id, str(s.status))) for s in row.request.sequences)
            if row.request
            else (),
        )


def _log(session: Session, span: tuple[datetime, datetime]) -> tuple[LogFacts, ...]:
    rows = session.scalars(
        select(AgentLog)
        .where(AgentLog.time.between(*span), AgentLog.level.in_(("WARNING", "ERROR", "CRITICAL")))
        .order_by(AgentLog.time.desc(), AgentLog.id.desc())
        .limit(_LOG_LINES)
    )
    return tuple(LogFacts(row.time, row.agent, row.level, row.message) for row in rows)[::-1]
