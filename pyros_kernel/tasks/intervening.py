"""Note in the store what people want of a night's schedule; each refusal says why."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.intervals import complement, union
from pyros_kernel.scheduling.situation import read_situation
from pyros_kernel.scheduling.visibility import Visibilities
from pyros_kernel.scheduling.words import never_possible, utc
from pyros_kernel.store import Intervention, InterventionKind, Night, Sequence, SequenceStatus
from pyros_kernel.tasks.scheduling import SchedulingServices

_WAITING = (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED)


class NotPossible(ValueError):
    """What was asked of the schedule can't be; says what stands against it."""


def pin(night_id: int, sequence_id: int, start_unix_s: float, services: SchedulingServices) -> str:
    """Let a sequence be observed from a moment, and at no other time.

    :return: what was noted, in words
    :raises NotPossible: if it can't be observed then, or does not wait to be observed
    """
    if why_not := _why_not_then(night_id, sequence_id, start_unix_s, services):
        raise NotPossible(why_not)
    at = datetime.fromtimestamp(start_unix_s, UTC)
    with services.store.session() as session:
        name = _waiting(session, sequence_id).name
        _forget(session, night_id, sequence_id)
        session.add(_intervention(InterventionKind.PIN, night_id, services, sequence_id=sequence_id, start=at))
    return f"{name} is pinned to {utc(start_unix_s)} UTC"


def drop(night_id: int, sequence_id: int, reason: str, services: SchedulingServices) -> str:
    """Let a sequence not be observed in this night.

    :raises NotPossible: if it does not wait to be observed
    """
    with services.store.session() as session:
        name = _waiting(session, sequence_id).name
        _forget(session, night_id, sequence_id)
        session.add(_intervention(InterventionKind.DROP, night_id, services, sequence_id=sequence_id, reason=reason))
    return f"{name} is dropped"


def release(night_id: int, sequence_id: int, services: SchedulingServices) -> str:
    """Take back a pin or a drop.

    :raises NotPossible: if there is none
    """
    with services.store.session() as session:
        sequence = session.get_one(Sequence, sequence_id)
        if not _forget(session, night_id, sequence_id):
            raise NotPossible(f"{sequence.name} is neither pinned nor dropped")
        return f"{sequence.name} is neither pinned nor dropped any more"


def reprioritise(sequence_id: int, priority: float, services: SchedulingServices) -> str:
    """Give a sequence another priority, whatever its programme's.

    :raises NotPossible: for a priority that is none, or a sequence that does not wait
    """
    if not 0 <= priority <= 200:
        raise NotPossible(f"a priority is from 0 to 100, in need up to 200; got {priority:g}")
    with services.store.session() as session:
        sequence = _waiting(session, sequence_id)
        before = sequence.priority
        sequence.priority_offset = priority - sequence.request.programme.priority
        return f"{sequence.name} has priority {priority:g}, had {before:g}"


def block(night_id: int, start_unix_s: float, end_unix_s: float, reason: str, services: SchedulingServices) -> int:
    """Let nothing be observed between two times: clouds that are forecast, work in the dome.

    :return: its id, by which it can be taken back
    :raises NotPossible: for times the wrong way round, or outside the night
    """
    with services.store.session() as session:
        night = session.get_one(Night, night_id)
        if not start_unix_s < end_unix_s:
            raise NotPossible(f"a blocked time ends after it begins: {utc(start_unix_s)} to {utc(end_unix_s)} UTC")
        if end_unix_s <= night.sunset.timestamp() or start_unix_s >= night.sunrise.timestamp():
            raise NotPossible(
                f"{utc(start_unix_s, True)} to {utc(end_unix_s, True)} UTC lies outside the night {night.name}"
            )
        start, end = (datetime.fromtimestamp(t, UTC) for t in (start_unix_s, end_unix_s))
        made = _intervention(InterventionKind.BLOCK, night_id, services, start=start, end=end, reason=reason)
        session.add(made)
        session.flush()
        return made.id


def unblock(block_id: int, services: SchedulingServices) -> None:
    """Take back a blocked time.

    :raises NotPossible: if there is none of that id
    """
    with services.store.session() as session:
        found = session.get(Intervention, block_id)
        if found is None or found.kind is not InterventionKind.BLOCK:
            raise NotPossible(f"there is no blocked time {block_id}")
        session.delete(found)


def _intervention(kind: InterventionKind, night_id: int, services: SchedulingServices, **more: object) -> Intervention:
    created = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    return Intervention(kind=kind, night_id=night_id, created=created, **more)


def _waiting(session: Session, sequence_id: int) -> Sequence:
    sequence = session.get_one(Sequence, sequence_id)
    if sequence.status not in _WAITING:
        raise NotPossible(f"{sequence.name} does not wait to be observed: it is {sequence.status}")
    return sequence


def _forget(session: Session, night_id: int, sequence_id: int) -> bool:
    """Take back what was wanted of a sequence; tell whether anything was."""
    found = session.execute(
        delete(Intervention)
        .where(Intervention.night_id == night_id, Intervention.sequence_id == sequence_id)
        .returning(Intervention.id)
    ).all()
    return bool(found)


def _why_not_then(night_id: int, sequence_id: int, start_unix_s: float, services: SchedulingServices) -> str:
    now_s = services.clock.unix_s()
    with services.store.session(read_only=True) as session:
        name = _waiting(session, sequence_id).name
        situation = read_situation(session, night_id, now_s, services.sky)
    if start_unix_s < situation.start_unix_s:
        return f"{name} can't be pinned to {utc(start_unix_s)} UTC: that has passed"
    asked = next((b for b in situation.asked if b.id == sequence_id), None)
    if asked is None:
        return next((r.reason for r in situation.refused if r.id == sequence_id), f"{name} can't be observed tonight")
    whole = situation.start_unix_s, situation.end_unix_s
    free = complement(union(situation.blocked), *whole)
    seen = Visibilities(situation.sky, *whole, free, (), situation.conditions).of([asked])[0]
    end_s = start_unix_s + asked.duration_s
    if any(a <= start_unix_s and end_s <= b for a, b in seen.together):
        return ""
    if (never := never_possible(asked, seen, whole, free)) is not None:
        return f"{name} can't be pinned: {never}"
    spans = ", ".join(f"{utc(a)} to {utc(b)}" for a, b in seen.together)
    return f"{name} can't be observed from {utc(start_unix_s)} to {utc(end_s)} UTC; it can from {spans}"
