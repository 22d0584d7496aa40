"""The planner: by strict priority, or for most value; transitions are kept on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.intervals import complement, union
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection, Search
from pyros_kernel.scheduling.search import best_route
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.timeline import Timeline
from pyros_kernel.scheduling.visibility import Visibilities, Visibility
from pyros_kernel.scheduling.words import never_possible, no_room

Queue = list[tuple[Block, Visibility]]


def plan(
    blocks: Sequence[Block],
    sky: Sky,
    transition: Transition,
    *,
    start_unix_s: float,
    end_unix_s: float,
    blocked: Sequence[tuple[float, float]] = (),
    search: Search | None = None,
) -> Plan:
    """Place blocks between two times: by strict priority, or with ``search`` for most value.

    By priority a more important block is never moved or left out for a less important one.  Of equally
    important ones the first is the one whose last possible start comes first, then the shorter, then by id:
    the order in which blocks are given does not matter.

    :param blocked: times (unix seconds) in which nothing may be observed
    :param search: how hard to look for the plan of most value, which is then given with its proven bound
    :raises ValueError: for times the wrong way round or far from the night, an id given twice, or running
        blocks that overlap
    """
    _check(blocks, start_unix_s, end_unix_s)
    whole = start_unix_s, end_unix_s
    free = complement(union(blocked), start_unix_s, end_unix_s)
    visibilities = Visibilities(sky, start_unix_s, end_unix_s, free).of(blocks)
    queue = sorted(zip(blocks, visibilities, strict=True), key=lambda pair: _rank(*pair))
    timeline = Timeline(transition)
    running: Queue = []
    possible: Queue = []
    reasons: dict[Id, str] = {}
    for block, seen in queue:
        if block.fixed_start_unix_s is not None:
            timeline.fix(block, seen.direction, block.fixed_start_unix_s)
            running.append((block, seen))
        elif reason := never_possible(block, seen, whole, free):
            reasons[block.id] = reason
        else:
            possible.append((block, seen))
    bound = None
    if search is None:
        reasons |= _place_by_priority(timeline, possible)
    else:
        bound = _place_by_value(timeline, running + possible, Candidates.of(running + possible, transition), search)
        placed = {entry[2].id for entry in timeline.entries}
        reasons |= {b.id: no_room(b, seen, timeline.entries) for b, seen in possible if b.id not in placed}
    return Plan(
        start_unix_s,
        end_unix_s,
        _placements(sky, timeline),
        tuple(Rejection(block.id, reasons[block.id]) for block, _ in queue if block.id in reasons),
        sum(entry[2].worth for entry in timeline.entries if entry[2].fixed_start_unix_s is None),
        bound,
    )


def _place_by_priority(timeline: Timeline, queue: Queue) -> dict[Id, str]:
    """Place what fits in the order of the queue, and tell why the rest does not."""
    reasons: dict[Id, str] = {}
    for block, seen in queue:
        start = timeline.earliest(block, seen.direction, seen.together)
        if start is not None:
            timeline.insert(block, seen.direction, start)
        else:
            reasons[block.id] = no_room(block, seen, timeline.entries)
    return reasons


def _place_by_value(timeline: Timeline, queue: Queue, candidates: Candidates, search: Search) -> float:
    """Place the best route, and give the bound."""
    route, bound = best_route(candidates, search)
    for k, start in zip(route.order, route.earliest.tolist(), strict=True):
        block, seen = queue[k]
        if block.fixed_start_unix_s is None:
            timeline.insert(block, seen.direction, start)
    return bound


def _check(blocks: Sequence[Block], start_unix_s: float, end_unix_s: float) -> None:
    if not start_unix_s < end_unix_s:
        raise ValueError(f"a plan must end after it starts: {start_unix_s:.0f} to {end_unix_s:.0f}")
    seen: set[str] = set()
    for block in blocks:
        if str(block.id) in seen:
            raise ValueError(f"two blocks have the id {block.id}")
        seen.add(str(block.id))


def _rank(block: Block, seen: Visibility) -> tuple[bool, float, float, float, str]:
    latest = seen.together[-1][1] - block.duration_s if seen.together else float("inf")
    return (block.fixed_start_unix_s is None, -block.priority, latest, block.duration_s, str(block.id))


def _placements(sky: Sky, timeline: Timeline) -> tuple[Placement, ...]:
    entries = timeline.entries
    if not entries:
        return ()
    directions = timeline.directions
    starts, ends = np.array([e[0] for e in entries]), np.array([e[1] for e in entries])
    at_start = (directions * sky.zenith(starts).T).sum(axis=1)
    at_end = (directions * sky.zenith(ends).T).sum(axis=1)
    altitudes = np.degrees(np.arcsin(np.clip([at_start, at_end], -1.0, 1.0))).T
    return tuple(
        Placement(
            block.id,
            start,
            end,
            ("already running" if block.fixed_start_unix_s is not None else "earliest free place")
            + f", altitude {a:.1f}° to {b:.1f}°",
            before_s,
        )
        for (start, end, block), (a, b), before_s in zip(
            entries, altitudes.tolist(), timeline.transitions_s(), strict=True
        )
    )
