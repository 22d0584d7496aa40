"""The planner: by strict priority, or for most value; transitions are kept on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Pointing, Transition
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.constraints import Constraint
from pyros_kernel.scheduling.intervals import complement, intersection, union
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection, Search
from pyros_kernel.scheduling.placing import Night, Queue, place_by_priority, place_by_value
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.timeline import Timeline
from pyros_kernel.scheduling.visibility import Visibilities, Visibility
from pyros_kernel.scheduling.words import fits, never_possible, out_of_reach


def plan(
    blocks: Sequence[Block],
    sky: Sky,
    transition: Transition,
    *,
    start_unix_s: float,
    end_unix_s: float,
    blocked: Sequence[tuple[float, float]] = (),
    search: Search | None = None,
    quotas: Mapping[str, float] | None = None,
    pointing: Pointing | None = None,
    everywhere: Sequence[Constraint] = (),
    conditions: Conditions | None = None,
) -> Plan:
    """Place blocks between two times: by strict priority, or with ``search`` for most value.

    By priority a more important block is never moved or left out for a less important one.  Of equally
    important ones the first is the one whose last possible start comes first, then the shorter, then by id:
    the order in which blocks are given does not matter.

    :param blocked: times (unix seconds) in which nothing may be observed
    :param search: how hard to look for the plan of most value, which is then given with its proven bound
    :param quotas: seconds that each programme may have in this plan; one that is not named has no limit
    :param pointing: where the telescope stands: nothing starts before it can have got there
    :param everywhere: constraints of every block, as the horizon's mask
    :param conditions: the sky that is expected
    :raises ValueError: for times the wrong way round or far from the night, an id given twice, a block that
        follows one that is not there, or running blocks that overlap
    """
    _check(blocks, start_unix_s, end_unix_s)
    whole = start_unix_s, end_unix_s
    free = complement(union(blocked), start_unix_s, end_unix_s)
    finder = Visibilities(sky, start_unix_s, end_unix_s, free, everywhere, conditions)
    queue: Queue = []
    reasons: dict[Id, str] = {}
    ranked = _ranked(blocks, finder.of(blocks))
    reached: dict[Id, Visibility] = {}
    for block, seen in ranked:
        reached[block.id] = seen
        if block.fixed_start_unix_s is not None:
            continue
        if reason := never_possible(block, seen, whole, free):
            reasons[block.id] = reason
        elif pointing is not None:
            ready = start_unix_s + pointing.way_s(sky, block, seen.direction, transition)
            reached[block.id] = replace(seen, together=intersection(seen.together, ((ready, np.inf),)))
            if not fits(block, reached[block.id].together):
                reasons[block.id] = out_of_reach(block, seen, ready)
    broken = {block.group: block.label for block in blocks if block.id in reasons and block.group is not None}
    for block, _ in ranked:
        running = block.fixed_start_unix_s is not None
        if block.id in reasons:
            continue
        if block.after in reasons and not running:
            leader = next(b for b in blocks if b.id == block.after)
            reasons[block.id] = f"follows {leader.label}, which has no place"
            continue
        if block.group in broken and not running:
            reasons[block.id] = (
                f"all or nothing: of {block.group}, {broken[block.group]} can't be observed in this plan"
            )
            continue
        queue.append((block, reached[block.id]))
    night = Night(sky, transition, start_unix_s, end_unix_s, dict(quotas or {}), conditions)
    bound = None
    if search is None:
        timeline, left_out = place_by_priority(queue, night)
        value = sum(entry[2].worth for entry in timeline.entries if entry[2].fixed_start_unix_s is None)
    else:
        timeline, left_out, value, bound = place_by_value(queue, night, search)
    reasons |= left_out
    return Plan(
        start_unix_s,
        end_unix_s,
        _placements(sky, timeline, transition.flip_s, by_value=search is not None),
        tuple(Rejection(block.id, reasons[block.id]) for block, _ in ranked if block.id in reasons),
        value,
        bound,
    )


def _check(blocks: Sequence[Block], start_unix_s: float, end_unix_s: float) -> None:
    if not start_unix_s < end_unix_s:
        raise ValueError(f"a plan must end after it starts: {start_unix_s:.0f} to {end_unix_s:.0f}")
    seen: set[str] = set()
    for block in blocks:
        if str(block.id) in seen:
            raise ValueError(f"two blocks have the id {block.id}")
        seen.add(str(block.id))
    for block in blocks:
        followed: list[str] = []
        at: Block | None = block
        while at is not None and at.after is not None:
            if str(at.after) not in seen:
                raise ValueError(f"block {at.id} is to follow block {at.after}, which is not there")
            if str(at.after) in followed:
                raise ValueError(f"blocks {', '.join(followed)} follow each other in a circle")
            followed.append(str(at.after))
            at = next(b for b in blocks if str(b.id) == str(at.after)) if len(followed) <= len(blocks) else None


def _ranked(blocks: Sequence[Block], seen: Sequence[Visibility]) -> list[tuple[Block, Visibility]]:
    """Sort by importance; what follows another comes after it."""
    queue = sorted(zip(blocks, seen, strict=True), key=lambda pair: _rank(*pair))
    if not any(block.after is not None for block in blocks):
        return queue
    out: list[tuple[Block, Visibility]] = []
    done: set[Id] = set()
    waiting = queue
    while waiting:
        ready = [pair for pair in waiting if pair[0].after is None or pair[0].after in done]
        out += ready[:1]
        done.add(ready[0][0].id)
        waiting = [pair for pair in waiting if pair is not ready[0]]
    return out


def _rank(block: Block, seen: Visibility) -> tuple[bool, bool, float, float, float, str]:
    latest = seen.together[-1][1] - block.duration_s if seen.together else float("inf")
    running = block.fixed_start_unix_s is not None
    return (not running, not block.mandatory, -block.priority, latest, block.duration_s, str(block.id))


def _placements(sky: Sky, timeline: Timeline, flip_s: float, *, by_value: bool) -> tuple[Placement, ...]:
    entries = timeline.entries
    if not entries:
        return ()
    directions = timeline.directions
    starts, ends = np.array([e[0] for e in entries]), np.array([e[1] for e in entries])
    at_start = (directions * sky.zenith(starts).T).sum(axis=1)
    at_end = (directions * sky.zenith(ends).T).sum(axis=1)
    way_s = np.array(timeline.transitions_s())
    before, after = ((directions * sky.earth.turned(sky.earth.east, t).T).sum(axis=1) > 0 for t in (starts, ends))
    way_s[1:] += flip_s * (before[1:] != after[:-1])
    altitudes = np.degrees(np.arcsin(np.clip([at_start, at_end], -1.0, 1.0))).T
    place = "its place in the plan of most value" if by_value else "earliest free place"
    return tuple(
        Placement(
            block.id,
            start,
            end,
            ("already running" if block.fixed_start_unix_s is not None else place) + f", altitude {a:.1f}° to {b:.1f}°",
            before_s,
        )
        for (start, end, block), (a, b), before_s in zip(entries, altitudes.tolist(), way_s.tolist(), strict=True)
    )
