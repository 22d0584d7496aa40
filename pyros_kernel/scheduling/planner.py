"""The planner: strict priority, each block at its earliest free place, transitions kept on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyros_kernel.scheduling.block import Block, Placement, Plan, Rejection, Transition
from pyros_kernel.scheduling.intervals import complement, union
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.timeline import Timeline
from pyros_kernel.scheduling.visibility import Visibilities, Visibility
from pyros_kernel.scheduling.words import never_possible, no_room


def plan(
    blocks: Sequence[Block],
    sky: Sky,
    transition: Transition,
    *,
    start_unix_s: float,
    end_unix_s: float,
    blocked: Sequence[tuple[float, float]] = (),
) -> Plan:
    """Place blocks between two times.

    A more important block is never moved or left out for a less important one.  Of equally important ones the
    first is the one whose last possible start comes first, then the shorter, then by id: the order in which
    blocks are given does not matter.

    :param blocked: times (unix seconds) in which nothing may be observed
    :raises ValueError: for times the wrong way round or far from the night, an id given twice, or running
        blocks that overlap
    """
    _check(blocks, start_unix_s, end_unix_s)
    whole = start_unix_s, end_unix_s
    free = complement(union(blocked), start_unix_s, end_unix_s)
    visibilities = Visibilities(sky, start_unix_s, end_unix_s, free).of(blocks)
    queue = sorted(zip(blocks, visibilities, strict=True), key=lambda pair: _rank(*pair))
    timeline = Timeline(transition, len(blocks))
    rejected: list[Rejection] = []
    for block, seen in queue:
        if block.fixed_start_unix_s is not None:
            timeline.fix(block, seen.direction, block.fixed_start_unix_s)
            continue
        reason = never_possible(block, seen, whole, free)
        if reason is None:
            start = timeline.earliest(block, seen.direction, seen.together)
            if start is not None:
                timeline.insert(block, seen.direction, start)
                continue
            reason = no_room(block, seen, timeline.entries)
        rejected.append(Rejection(block.id, reason))
    return Plan(start_unix_s, end_unix_s, _placements(sky, timeline), tuple(rejected))


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
