"""Place blocks whose visibility is known: one after the other by priority, or all together for most value."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.intervals import Spans, intersection
from pyros_kernel.scheduling.outcome import Search
from pyros_kernel.scheduling.quality import best_starts, in_ideal_order, quality_of, refined, swapped
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.search import best_route, improved, of_more_quality
from pyros_kernel.scheduling.shares import Quality
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.timeline import Timeline
from pyros_kernel.scheduling.visibility import Visibility
from pyros_kernel.scheduling.words import no_room, over_quota, utc

_VALUED, _SEARCHED = 0.3, 0.6  # of the time, where quality counts

Queue = list[tuple[Block, Visibility]]
Reasons = dict[Id, str]


@dataclass(frozen=True, slots=True)
class Night:
    """What all blocks share; ``quotas`` in seconds."""

    sky: Sky
    transition: Transition
    start_unix_s: float
    end_unix_s: float
    quotas: dict[str, float]
    conditions: Conditions | None


def place_by_priority(queue: Queue, night: Night) -> tuple[Timeline, Reasons]:
    """Place what fits in the order of the queue, and tell why the rest does not.

    A group that can't be placed whole is left out, and the rest placed again without it.
    """
    banned: Reasons = {}
    while True:
        timeline, reasons = _one_by_one([pair for pair in queue if pair[0].id not in banned], night)
        broken = _broken_groups([b for b, _ in queue], timeline, banned)
        if not broken:
            return timeline, banned | reasons
        # The least important group goes first: the more important one may fit without it.
        banned |= broken[-1]


def place_by_value(queue: Queue, night: Night, search: Search) -> tuple[Timeline, Reasons, float, float]:
    """Place the best route, tell why the rest is not in it, and give the value and the bound."""
    began_s = time.thread_time()
    banned: Reasons = {}
    bound = np.inf
    while True:
        allowed = [pair for pair in queue if pair[0].id not in banned]
        timeline, value, found = _together(allowed, night, search, began_s)
        bound = found if not np.isfinite(bound) else bound  # the first one holds with every block
        broken = _broken_groups([b for b, _ in queue], timeline, banned)
        if broken:
            banned |= broken[-1]
            continue
        placed = {entry[2].id for entry in timeline.entries}
        names = {b.id: b.label for b, _ in queue}
        reasons = {b.id: _why_not(b, seen, timeline, night, names) for b, seen in allowed if b.id not in placed}
        return timeline, banned | reasons, value, max(bound, value)


def _one_by_one(queue: Queue, night: Night) -> tuple[Timeline, Reasons]:
    timeline = Timeline(night.transition)
    names = {b.id: b.label for b, _ in queue}
    reasons: Reasons = {}
    for block, seen in queue:
        if block.fixed_start_unix_s is not None:
            timeline.fix(block, seen.direction, block.fixed_start_unix_s)
            continue
        spans = _after(block, seen.together, timeline)
        start = None if _over_quota(block, timeline, night) else timeline.earliest(block, seen.direction, spans)
        if start is not None:
            timeline.insert(block, seen.direction, start)
        else:
            reasons[block.id] = _why_not(block, seen, timeline, night, names)
    return timeline, reasons


def _together(queue: Queue, night: Night, search: Search, began_s: float) -> tuple[Timeline, float, float]:
    quality = quality_of(queue, night.sky, night.start_unix_s, night.end_unix_s, night.conditions)
    c = Candidates.of(queue, night.transition, quotas=night.quotas)
    if search.quality:
        c = c.with_quality(quality)
        route, bound = _of_quality(c, quality, search, began_s)
    else:
        route, bound = best_route(c, search, began_s)
    starts = best_starts(c, quality, route)
    if search.iterations:
        plain = replace(c, quality=None)
        route, starts = _as_valuable_but_better(plain, quality, route, starts, bound, search, began_s)
    starts = refined(c, quality, route, starts)
    timeline = Timeline(night.transition)
    for k, start in zip(route.order, starts.tolist(), strict=True):
        block, seen = queue[k]
        timeline.insert(block, seen.direction, start)
    must = sum(queue[k][0].mandatory and k not in c.fixed for k in route.order) * c.bonus
    return timeline, float(c.value_at(np.array(route.order, dtype=np.int64), starts).sum()) - must, bound - must


def _of_quality(c: Candidates, quality: Quality, search: Search, began_s: float) -> tuple[Route, float]:
    """Search for most value first, and from there for most quality; the starts within an order want time too."""
    plain, steps = replace(c, quality=None), -(-search.iterations // 2)
    first, _ = best_route(plain, replace(search, iterations=steps, cpu_s=_VALUED * search.cpu_s), began_s)
    found, bound = improved(c, first, replace(search, iterations=steps, cpu_s=_SEARCHED * search.cpu_s), began_s)

    def worth(route: Route) -> float:
        return float(c.value_at(np.array(route.order, dtype=np.int64), best_starts(plain, quality, route)).sum())

    return max(found, first, key=worth), bound


def _as_valuable_but_better(
    c: Candidates, quality: Quality, route: Route, starts: Floats, bound: float, search: Search, began_s: float
) -> tuple[Route, Floats]:
    """Where the value can't be more, look for another order of the same value and more quality."""
    value = route.value(c)
    if not search.quality and value < bound * (1 - 1e-6) and len(route.order) < len(c.value):
        return route, starts
    better = c.with_quality(quality)

    def worth(order: tuple[int, ...], at: Floats) -> float:
        return float(better.value_at(np.array(order, dtype=np.int64), at).sum())

    tries = [in_ideal_order(better, route.order)]
    if not search.quality:
        tries.append(of_more_quality(better, route, search, began_s))
    for order in tries:
        other = Route.through(c, order)
        if other is not None and other.value(c) >= value - 1e-6:
            at = best_starts(c, quality, other)
            if worth(other.order, at) > worth(route.order, starts):
                route, starts = other, at
    return swapped(better, route, starts, lambda: search.over(began_s))


def _after(block: Block, spans: Spans, timeline: Timeline) -> Spans:
    if block.after is None:
        return spans
    before = next((start for start, _, other in timeline.entries if other.id == block.after), None)
    if before is None:
        return ()
    return intersection(spans, ((before + block.gap_s[0], before + block.gap_s[1] + block.duration_s),))


def _over_quota(block: Block, timeline: Timeline, night: Night) -> bool:
    limit = night.quotas.get(block.programme)
    return limit is not None and _used_s(block.programme, timeline) + block.duration_s > limit + 1e-6


def _used_s(programme: str, timeline: Timeline) -> float:
    return sum(b.duration_s for _, _, b in timeline.entries if b.programme == programme)


def _why_not(block: Block, seen: Visibility, timeline: Timeline, night: Night, names: Mapping[Id, str]) -> str:
    if _over_quota(block, timeline, night):
        used, limit = _used_s(block.programme, timeline), night.quotas[block.programme]
        return over_quota(block.programme, block.duration_s, used, limit)
    if block.after is not None:
        name = names.get(block.after, str(block.after))
        before = next((start for start, _, other in timeline.entries if other.id == block.after), None)
        if before is None:
            return f"follows {name}, which has no place"
        if not _after(block, seen.together, timeline):
            a, b = before + block.gap_s[0], before + block.gap_s[1]
            return f"can't be observed {utc(a)} to {utc(b)} UTC, the time that its distance from {name} leaves it"
    return no_room(block, seen, timeline.entries)


def _broken_groups(blocks: Sequence[Block], timeline: Timeline, banned: Reasons) -> list[Reasons]:
    """Give the groups that are placed in part, the most important first: why each of their blocks is left out."""
    placed = {entry[2].id for entry in timeline.entries}
    groups: dict[Id, list[Block]] = {}
    for block in blocks:
        if block.group is not None:
            groups.setdefault(block.group, []).append(block)
    out: list[Reasons] = []
    for name, members in groups.items():
        inside = [b for b in members if b.id in placed and b.fixed_start_unix_s is None]
        missing = [b for b in members if b.id not in placed]
        if inside and missing and not any(b.fixed_start_unix_s is not None for b in members):
            names = ", ".join(b.label for b in missing[:3])
            out.append({b.id: f"all or nothing: of {name}, {names} has no place" for b in members})
    return out
