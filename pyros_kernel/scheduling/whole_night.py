"""A night from sunset to sunrise as the store has it: what was done, what is planned, and what is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from pyros_kernel.scheduling.block import Block, Id
from pyros_kernel.scheduling.explaining import NightUse
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection
from pyros_kernel.scheduling.plot import PlannedNight
from pyros_kernel.scheduling.sequences import done_block
from pyros_kernel.scheduling.situation import Situation, read_situation
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.store import Album, Night, Request, Schedule, ScheduleStatus, Sequence, SequenceStatus

_OVER = (SequenceStatus.EXECUTED, SequenceStatus.FAILED, SequenceStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class WholeNight:
    """A night as it is at one moment.

    :param planned: from sunset to sunrise, with what was done where it was done
    :param situation: from now on, with what stands
    """

    planned: PlannedNight
    situation: Situation
    now_unix_s: float

    def use(self) -> NightUse:
        """Tell how the dark time is used; of idle time that has passed only that nothing was observed."""
        use = self.planned.use()
        idle = tuple(
            replace(i, reason="nothing was observed") if i.end_unix_s <= self.now_unix_s else i for i in use.idle
        )
        return replace(use, idle=idle)


def read_whole_night(session: Session, night_id: int, now_unix_s: float, sky: Sky) -> WholeNight:
    """Read it.

    :raises sqlalchemy.exc.NoResultFound: if there is no such night
    """
    night = session.get_one(Night, night_id)
    situation = read_situation(session, night_id, now_unix_s, sky)
    schedule = session.scalar(
        select(Schedule).where(Schedule.night_id == night_id, Schedule.status == ScheduleStatus.CURRENT)
    )
    entries = [] if schedule is None else schedule.entries
    blocks = [*situation.blocks, *_done(session, night)]
    known = {b.id for b in blocks}
    standing = () if situation.standing is None else situation.standing.placed
    done = [
        Placement(b.id, b.fixed_start_unix_s, b.fixed_start_unix_s + b.duration_s, b.name)
        for b in blocks
        if b.fixed_start_unix_s is not None and b.id not in {p.id for p in standing}
    ]
    placed = sorted((*done, *standing), key=lambda p: p.start_unix_s)
    there: set[Id] = {p.id for p in placed}
    refused = {r.id: r.reason for r in situation.refused}
    refused |= {e.sequence_id: e.reason for e in entries if e.start is None}
    rejected = tuple(Rejection(i, why) for i, why in refused.items() if i not in there)
    left = tuple(Rejection(i, "it is not planned yet") for i in known - there - {r.id for r in rejected})
    made = Plan(
        night.sunset.timestamp(),
        night.sunrise.timestamp(),
        tuple(placed),
        (*rejected, *left),
        value=0.0 if schedule is None or schedule.value is None else schedule.value,
        bound=None if schedule is None else schedule.bound,
    )
    planned = PlannedNight(
        blocks,
        situation.sky,
        situation.transition,
        made,
        blocked=situation.blocked,
        quotas=situation.quotas,
        conditions=situation.conditions,
    )
    return WholeNight(planned, situation, now_unix_s)


def _done(session: Session, night: Night) -> list[Block]:
    """Give what ended in this night, as blocks that began when it did."""
    rows = session.scalars(
        select(Sequence)
        .where(Sequence.started >= night.sunset, Sequence.started <= night.sunrise, Sequence.status.in_(_OVER))
        .options(
            joinedload(Sequence.request).joinedload(Request.programme),
            selectinload(Sequence.albums).selectinload(Album.plans),
        )
        .order_by(Sequence.started)
    )
    blocks: list[Block] = []
    for row in rows:
        if row.started is not None and row.ended is not None and row.ended > row.started:
            blocks.append(done_block(row, (row.ended - row.started).total_seconds(), row.started.timestamp()))
    return blocks
