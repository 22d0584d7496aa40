"""What planning a night starts from: what is asked for, what runs, what stands, and what people want of it."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.block import Block, Id, Pointing, Transition
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.following import linked
from pyros_kernel.scheduling.forecast import read_conditions
from pyros_kernel.scheduling.interventions import Interventions
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection
from pyros_kernel.scheduling.quotas import read_quotas
from pyros_kernel.scheduling.sequences import (
    Overheads,
    asked_in,
    candidates,
    duration_s,
    images_taken,
    running_block,
    whole_requests,
)
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.store import (
    Night,
    RequestKind,
    Schedule,
    ScheduleStatus,
    Sequence,
    SequenceStatus,
)

_LATE_S = 1800.0  # what should have begun longer ago than this has lost its place
_SOON_S = 0.01

_Entries = dict[int, tuple[float, str]]  # end in unix seconds, and reason, by sequence


@dataclass(frozen=True, slots=True)
class Situation:
    """A night at one moment, without any link to the store.

    :param start_unix_s: from when it is planned, until ``end_unix_s``
    :param asked: what users ask for; ``blocks`` is that as people want it tonight: pinned, or without the dropped
    :param alerts: those of ``blocks`` that an alert asked for, and that have not begun
    :param refused: what can't be planned at all, and why
    :param quotas: seconds that each programme may still have
    :param conditions: what the sky is expected to be like; None if nobody said
    :param standing: what is left of the current schedule; None if there is none
    :param former: when it was to begin, of each sequence of the current schedule that may still be observed
    :param schedule_id: the current schedule's
    :param statuses: of every sequence it looked at, to tell later whether it still holds
    :param names: of those sequences
    """

    sky: Sky
    start_unix_s: float
    end_unix_s: float
    asked: tuple[Block, ...]
    blocks: tuple[Block, ...]
    alerts: frozenset[Id]
    refused: tuple[Rejection, ...]
    transition: Transition
    quotas: dict[str, float]
    blocked: tuple[tuple[float, float], ...]
    pointing: Pointing | None
    conditions: Conditions | None
    standing: Plan | None
    former: dict[int, float]
    night_id: int
    schedule_id: int | None
    statuses: dict[int, SequenceStatus]
    names: dict[int, str]

    @property
    def over(self) -> bool:
        """Whether nothing is left of the night."""
        return self.start_unix_s >= self.end_unix_s

    def holds(self, session: Session) -> bool:
        """Whether no other schedule was made meanwhile, and no sequence began, ended or came."""
        schedule = _current(session, self.night_id)
        if (None if schedule is None else schedule.id) != self.schedule_id:
            return False
        return {s.id: s.status for s in candidates(session)} == self.statuses


def read_situation(
    session: Session, night_id: int, start_unix_s: float, sky: Sky, taken_id: int | None = None
) -> Situation:
    """Read what planning a night from a moment on starts from.

    :param taken_id: a sequence that begins just now, though the store does not say so yet
    :raises sqlalchemy.exc.NoResultFound: if there is no such night
    """
    night = session.get_one(Night, night_id)
    if sky.name != night.name:
        sky = Sky(night.site, night.name)
    sequences = candidates(session)
    overheads = Overheads.from_devices(session)
    schedule = _current(session, night_id)
    entries = (
        None
        if schedule is None
        else {e.sequence_id: (e.end.timestamp(), e.reason) for e in schedule.entries if e.end is not None}
    )
    blocks, refused = _blocks(session, night, sky, sequences, overheads, entries, start_unix_s, taken_id)
    hands = Interventions.read(session, night_id)
    wanted, dropped = hands.applied(whole_requests(sequences, blocks), start_unix_s)
    start, end = max(start_unix_s, night.sunset.timestamp()), night.sunrise.timestamp()
    runs = any(b.fixed_start_unix_s is not None for b in wanted)
    bursts = {s.id for s in sequences if s.request.kind is RequestKind.ALERT and s.after_id is None}
    alerts = frozenset(b.id for b in wanted if b.id in bursts and b.fixed_start_unix_s is None)
    wanted, early = linked(wanted, {s.id: s for s in sequences}, alerts, start, end)
    return Situation(
        sky=sky,
        start_unix_s=start,
        end_unix_s=end,
        asked=tuple(blocks),
        blocks=tuple(wanted),
        alerts=alerts,
        refused=(*refused, *dropped, *early),
        transition=overheads.transition,
        quotas={q.programme: q.left_s for q in read_quotas(session, night.site, night.name) if q.left_s is not None},
        blocked=hands.blocked,
        pointing=None if runs else _pointing(session, night),
        conditions=read_conditions(session, night_id),
        standing=_standing(entries, wanted, start, end),
        former={int(b.id): entries[int(b.id)][0] - b.duration_s for b in blocks if entries and int(b.id) in entries},
        night_id=night_id,
        schedule_id=None if schedule is None else schedule.id,
        statuses={s.id: s.status for s in sequences},
        names={s.id: s.name for s in sequences},
    )


def _current(session: Session, night_id: int) -> Schedule | None:
    return session.scalar(
        select(Schedule).where(Schedule.night_id == night_id, Schedule.status == ScheduleStatus.CURRENT)
    )


def _blocks(
    session: Session,
    night: Night,
    sky: Sky,
    sequences: list[Sequence],
    overheads: Overheads,
    entries: _Entries | None,
    start_unix_s: float,
    taken_id: int | None,
) -> tuple[list[Block], list[Rejection]]:
    taken = images_taken(session, sequences)
    runs = _running(sequences, taken_id)
    blocks: list[Block] = []
    refused: list[Rejection] = []
    for sequence in sequences:
        if runs is not None and sequence.id == runs.id:
            missing_s = duration_s(sequence, overheads, taken)
            planned_s = (entries or {}).get(sequence.id, (None, ""))[0]
            blocks.append(running_block(sequence, missing_s, start_unix_s, planned_s))
        elif sequence.status is SequenceStatus.EXECUTING:
            continue  # it is being stopped for the one that runs
        else:
            made = asked_in(sky, sequence, night.site, overheads, taken)
            if isinstance(made, Block):
                blocks.append(made)
            else:
                refused.append(made)
    return blocks, refused


def _running(sequences: list[Sequence], taken_id: int | None) -> Sequence | None:
    if taken_id is not None:
        return next((s for s in sequences if s.id == taken_id), None)
    executing = [s for s in sequences if s.status is SequenceStatus.EXECUTING]
    return max(executing, key=lambda s: (s.started is not None, s.started, s.id), default=None)


def _standing(entries: _Entries | None, blocks: Many[Block], start_unix_s: float, end_unix_s: float) -> Plan | None:
    if entries is None or start_unix_s >= end_unix_s:
        return None
    placed: list[Placement] = []
    for block in blocks:
        entry = entries.get(int(block.id))
        begin = block.fixed_start_unix_s
        if begin is None:
            if entry is None:
                continue
            begin = entry[0] - block.duration_s
            if start_unix_s - _LATE_S < begin <= start_unix_s:
                begin = start_unix_s + _SOON_S
            if begin <= start_unix_s:
                continue
        placed.append(Placement(block.id, begin, begin + block.duration_s, entry[1] if entry else ""))
    placed.sort(key=lambda p: p.start_unix_s)
    return Plan(start_unix_s, end_unix_s, tuple(placed))


def _pointing(session: Session, night: Night) -> Pointing | None:
    """Give where the telescope was last sent in this night."""
    last = session.scalar(
        select(Sequence).where(Sequence.started >= night.sunset).order_by(Sequence.started.desc()).limit(1)
    )
    if last is None:
        return None
    filters = [plan.filter for album in last.albums[:1] for plan in album.plans]
    return Pointing(last.ra_deg, last.dec_deg, filters[-1] if filters else "")
