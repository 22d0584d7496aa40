"""Plan a night from its situation: anew, or by repairing the schedule that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyros_kernel.scheduling.block import Block, Id
from pyros_kernel.scheduling.events import Alert, Event, Freed, Pinned
from pyros_kernel.scheduling.outcome import Plan, Rejection, Search
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.replanning import Replanner
from pyros_kernel.scheduling.situation import Situation


@dataclass(frozen=True, slots=True)
class Happened:
    """What a schedule is repaired for; neither means that time came free, or that something else is asked for.

    :param alert_id: a sequence to be observed as soon as it can be, once what runs has ended
    :param pinned_id: a sequence that was pinned just now
    """

    alert_id: int | None = None
    pinned_id: int | None = None


def planned(situation: Situation, search: Search | None) -> Plan:
    """Plan the rest of the night anew; what an alert asked for comes as soon as it can be observed.

    :param search: None for strict priority, which places what is important as early as it can anyway
    """
    s = situation
    if s.over:
        late = f"the night {s.sky.name} is over"
        rejected = tuple(Rejection(b.id, late) for b in s.blocks if b.fixed_start_unix_s is None)
        return Plan(s.start_unix_s, s.start_unix_s, (), (*rejected, *s.refused))
    made = plan(
        [b for b in s.blocks if search is None or b.id not in s.alerts],
        s.sky,
        s.transition,
        start_unix_s=s.start_unix_s,
        end_unix_s=s.end_unix_s,
        blocked=s.blocked,
        search=search,
        quotas=s.quotas,
        pointing=s.pointing,
        conditions=s.conditions,
    )
    if search is None or not s.alerts:
        return _told(situation, made, {})
    return _with_alerts(situation, made)


def repaired(situation: Situation, happened: Happened) -> Plan:
    """Keep what can be kept of the schedule that stands, and fill what has come free."""
    replanner, banned = _whole_groups(situation, happened)
    return _told(situation, replanner.explained(), banned)


def _with_alerts(situation: Situation, made: Plan) -> Plan:
    """Put what alerts asked for into a plan of everything else, whose words and bound stay true."""
    with_them = repaired(replace(situation, standing=made), Happened())
    words = {(p.id, round(p.start_unix_s)): p.why for p in made.placed}
    placed = tuple(replace(p, why=words.get((p.id, round(p.start_unix_s)), p.why)) for p in with_them.placed)
    there = {p.id for p in placed}
    worth = sum(b.worth for b in situation.blocks if b.id in situation.alerts & there)
    return replace(with_them, placed=placed, bound=None if made.bound is None else made.bound + worth)


def improved(situation: Situation, search: Search, stability: float) -> Plan:
    """Search for a better plan than the one that stands, which changes only if it is worth it; with the bound.

    :param stability: by this share another plan must be worth more
    """
    replanner, banned = _whole_groups(situation, None, stability)
    replanner.improve(situation.start_unix_s, search)
    return _told(situation, replanner.explained(), banned)


def _whole_groups(
    situation: Situation, happened: Happened | None, stability: float = 0.0
) -> tuple[Replanner, dict[Id, str]]:
    """Repair, and again without what is left of a group, if it is of all or nothing and lost a block."""
    banned: dict[Id, str] = {}
    while True:
        blocks = [b for b in situation.blocks if b.id not in banned]
        blocks, events = _events(situation, blocks, happened)
        replanner = _replanner(situation, blocks, stability)
        for event in events:
            replanner.replan(situation.start_unix_s, event)
        broken = _broken(situation, replanner.plan)
        if not broken:
            return replanner, banned
        banned |= broken
        while after := [b for b in blocks if b.after in banned and b.id not in banned]:
            banned |= {b.id: f"follows {_name(situation, b.after)}, which has no place any more" for b in after}


def _events(
    situation: Situation, blocks: list[Block], happened: Happened | None
) -> tuple[list[Block], list[Event | None]]:
    """Give what the schedule is to be repaired for, and the blocks without those that come by it.

    An alert's block that has no place is an alert anew: it came while nothing was observed, or lost its place since.
    """
    if happened is None:
        return blocks, [None]
    standing = {p.id for p in situation.standing.placed} if situation.standing is not None else set[Id]()
    waiting = (situation.alerts - standing) | {happened.alert_id}
    alerts = [b for b in blocks if b.id in waiting and b.fixed_start_unix_s is None]
    # What a plan would begin just now does not run yet: it gives way, or the alert would wait for the whole of it.
    nothing_runs = all(b.fixed_start_unix_s is None for b in blocks)
    events: list[Event | None] = [Alert(replace(b, group=None), interrupts=nothing_runs) for b in alerts]
    pin = next((b for b in blocks if b.id == happened.pinned_id and b.window is not None), None)
    if pin is not None and pin.window is not None:
        events.append(Pinned(pin.id, pin.window[0]))
    return [b for b in blocks if b not in alerts], events or [Freed()]


def _replanner(situation: Situation, blocks: Sequence[Block], stability: float) -> Replanner:
    s = situation
    assert s.standing is not None, "only what stands can be repaired"
    ids = {b.id for b in blocks}
    standing = replace(s.standing, placed=tuple(p for p in s.standing.placed if p.id in ids))
    return Replanner(
        blocks,
        s.sky,
        s.transition,
        standing,
        quotas=s.quotas,
        blocked=s.blocked,
        pointing=s.pointing,
        conditions=s.conditions,
        stability=stability,
    )


def _broken(situation: Situation, made: Plan) -> dict[Id, str]:
    placed = {p.id for p in made.placed}
    groups: dict[Id, list[Block]] = {}
    for block in situation.blocks:
        if block.group is not None:
            groups.setdefault(block.group, []).append(block)
    out: dict[Id, str] = {}
    for members in groups.values():
        missing = [b for b in members if b.id not in placed]
        if missing and len(missing) < len(members):
            names = ", ".join(b.label for b in missing[:3])
            out |= {b.id: f"all or nothing: {names} has no place any more" for b in members}
    return out


def _name(situation: Situation, key: Id | None) -> str:
    return next((b.label for b in situation.blocks if b.id == key), str(key))


def _told(situation: Situation, made: Plan, banned: dict[Id, str]) -> Plan:
    rejected = (*made.rejected, *(Rejection(i, why) for i, why in banned.items()), *situation.refused)
    return _with_the_way(situation, replace(made, rejected=rejected))


def _with_the_way(situation: Situation, made: Plan) -> Plan:
    """Let what comes first begin with the way from where the telescope stands."""
    s = situation
    block = next((b for b in s.blocks if made.placed and b.id == made.placed[0].id), None)
    if s.pointing is None or block is None or block.fixed_start_unix_s is not None:
        return made
    direction = s.sky.directions(block.ra_deg, block.dec_deg)[0]
    first = replace(made.placed[0], transition_s=s.pointing.way_s(s.sky, block, direction, s.transition))
    return replace(made, placed=(first, *made.placed[1:]))
