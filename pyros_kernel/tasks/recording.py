"""Write a plan into the store as the current schedule, with what it changes."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling import Plan
from pyros_kernel.scheduling.sequences import candidates
from pyros_kernel.scheduling.situation import Situation
from pyros_kernel.store import Night, PlacedSequence, Schedule, ScheduleStatus, SequenceStatus

_MOVED_S = 60.0  # less is no news
_NAMED = 4


def record(
    session: Session, night: Night, situation: Situation, made: Plan, now_unix_s: float, reason: str
) -> Schedule:
    """Make a plan the current schedule, and move its sequences to where it has them."""
    current = select(Schedule).where(Schedule.night_id == night.id, Schedule.status == ScheduleStatus.CURRENT)
    for former in session.scalars(current):
        former.become(ScheduleStatus.SUPERSEDED, former.reason)  # why it was made stays told
    session.flush()  # before the new one comes: the database allows one current schedule per night
    schedule = Schedule(
        night=night,
        reason=reason,
        created=_utc(now_unix_s),
        plan_start=_utc(made.start_unix_s),
        plan_end=_utc(made.end_unix_s),
        changes=changes(situation, made),
        value=made.value,
        bound=made.bound,
        entries=[
            *(
                PlacedSequence(
                    sequence_id=p.id,
                    start=_utc(p.start_unix_s - p.transition_s),
                    end=_utc(p.end_unix_s),
                    reason=p.why,
                )
                for p in made.placed
            ),
            *(PlacedSequence(sequence_id=r.id, start=None, end=None, reason=r.reason) for r in made.rejected),
        ],
    )
    session.add(schedule)
    _move(session, made, night.name)
    return schedule


def changes(situation: Situation, made: Plan) -> str:
    """Say what a plan changes of the schedule that stood; empty if nothing, or if none stood."""
    if situation.standing is None:
        return ""
    before, after = situation.former, {int(p.id): p.start_unix_s for p in made.placed}
    name = {key: situation.names.get(key, str(key)) for key in (*before, *after)}
    by_min = {k: (after[k] - before[k]) / 60 for k in after if k in before}
    moved = [f"{name[k]} {by:+.0f} min" for k, by in by_min.items() if abs(60 * by) >= _MOVED_S]
    told = (
        ("new", [name[k] for k in after if k not in before]),
        ("out", [name[k] for k in before if k not in after]),
        ("moved", moved),
    )
    return "; ".join(f"{len(names)} {word} ({_listed(names)})" for word, names in told if names)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _move(session: Session, made: Plan, night: str) -> None:
    """Move what may be observed to where the plan has it; what began or ended meanwhile stays as it is."""
    placed = {p.id for p in made.placed}
    reasons = {r.id: r.reason for r in made.rejected}
    for sequence in candidates(session, lock=True):
        if sequence.status is SequenceStatus.EXECUTING:
            continue
        if sequence.nights is not None and sequence.first_night is None:
            sequence.first_night = night  # the nights it is asked for are counted from here
        if sequence.id in placed:
            sequence.become(SequenceStatus.PLANNED)
        elif sequence.id in reasons:
            sequence.become(SequenceStatus.OBSERVABLE, reasons[sequence.id])


def _utc(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
