"""Schedule a night: sequences from the store in, a schedule in the store out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.clock import Clock
from pyros_kernel.scheduling import Block, Plan, Rejection, Sky, plan
from pyros_kernel.scheduling.sequences import Overheads, block_of, candidates, duration_s, images_taken, whole_requests
from pyros_kernel.store import (
    Night,
    PlacedSequence,
    Schedule,
    ScheduleStatus,
    Sequence,
    SequenceStatus,
    Store,
)

logger = logging.getLogger(__name__)


class SchedulingServices(Protocol):
    """What scheduling needs of the observatory."""

    @property
    def store(self) -> Store:
        """Where the sequences are."""
        ...

    @property
    def clock(self) -> Clock:
        """What tells when the schedule was made."""
        ...

    @property
    def sky(self) -> Sky:
        """The ephemeris of the observed night."""
        ...


def schedule_night(night_id: int, start_unix_s: float, reason: str, *, services: SchedulingServices) -> int:
    """Plan a night from a moment to its dawn, and make that the current schedule.

    In one transaction: the former schedule becomes superseded, each placed sequence PLANNED, each rejected
    one OBSERVABLE with its reason.  What executes stays where it is.  An entry begins with the way to its
    target.

    :param reason: why it is planned anew: kept with the schedule
    :return: the schedule's id
    :raises sqlalchemy.exc.NoResultFound: if there is no such night
    """
    with services.store.session() as session:
        # One scheduler at a time gets past here: the next one sees what this one placed.
        night = session.get_one(Night, night_id, with_for_update={"of": Night})
        sequences = candidates(session)
        made = _plan(session, night, sequences, start_unix_s, services.sky)
        schedule = _record(session, night, made, services.clock.unix_s(), reason)
        _move(session, sequences, made)
        session.flush()
        schedule_id, name = schedule.id, night.name
    logger.info(
        "night %s scheduled (%s): %d sequences placed, %d rejected",
        name,
        reason,
        len(made.placed),
        len(made.rejected),
    )
    return schedule_id


def _plan(session: Session, night: Night, sequences: list[Sequence], start_unix_s: float, sky: Sky) -> Plan:
    if sky.name != night.name:
        sky = Sky(night.site, night.name)
    overheads = Overheads.from_devices(session)
    taken = images_taken(session, sequences)
    blocks: list[Block] = []
    refused: list[Rejection] = []
    for sequence in sequences:
        duration = duration_s(sequence, overheads, taken)
        if duration <= 0 and sequence.status is not SequenceStatus.EXECUTING:
            refused.append(Rejection(sequence.id, "no image is missing: there is nothing to observe"))
            continue
        try:
            blocks.append(block_of(sequence, duration, start_unix_s, night.site.min_altitude_deg))
        except ValueError as error:
            refused.append(Rejection(sequence.id, f"can't be scheduled: {error}"))
    start, end = max(start_unix_s, night.sunset.timestamp()), night.dawn.timestamp()
    if start >= end:
        over = [Rejection(b.id, f"the night {night.name} is over") for b in blocks if b.fixed_start_unix_s is None]
        return Plan(start, start, (), (*over, *refused))
    made = plan(whole_requests(sequences, blocks), sky, overheads.transition, start_unix_s=start, end_unix_s=end)
    return Plan(start, end, made.placed, (*made.rejected, *refused))


def _record(session: Session, night: Night, made: Plan, now_unix_s: float, reason: str) -> Schedule:
    current = select(Schedule).where(Schedule.night_id == night.id, Schedule.status == ScheduleStatus.CURRENT)
    for former in session.scalars(current):
        former.become(ScheduleStatus.SUPERSEDED)
    session.flush()  # before the new one comes: the database allows one current schedule per night
    schedule = Schedule(
        night=night,
        reason=reason,
        created=_utc(now_unix_s),
        plan_start=_utc(made.start_unix_s),
        plan_end=_utc(made.end_unix_s),
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
    return schedule


def _move(session: Session, sequences: list[Sequence], made: Plan) -> None:
    placed = {p.id for p in made.placed}
    reasons = {r.id: r.reason for r in made.rejected}
    # Read again, and held: one may have begun, or ended, while this was planned.
    now = select(Sequence).where(Sequence.id.in_([s.id for s in sequences])).with_for_update(of=Sequence)
    for sequence in session.scalars(now.execution_options(populate_existing=True)):
        if sequence.status not in (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED):
            continue
        if sequence.id in placed:
            sequence.become(SequenceStatus.PLANNED)
        else:
            sequence.become(SequenceStatus.OBSERVABLE, reasons[sequence.id])


def _utc(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
