"""Change a plan in milliseconds: what runs and what still holds stays where it is, what has come free is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.events import Alert, Dropped, Event, Lost, Overrun, Pinned
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection, Search
from pyros_kernel.scheduling.placing import Queue
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.search import improved
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.visibility import Visibilities
from pyros_kernel.scheduling.words import utc

_FIRST = 1e9  # what an alert is worth more than anything


class Replanner:
    """Holds a night's blocks and its plan, and changes the plan when something happens.

    :param made: the plan to begin with, of the same blocks
    :param stability: a plan that :meth:`improve` finds replaces the one that stands only if it is worth more by
        this share
    :raises ValueError: if the plan holds a block that is not given
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        sky: Sky,
        transition: Transition,
        made: Plan,
        *,
        quotas: Mapping[str, float] | None = None,
        stability: float = 0.005,
    ) -> None:
        self._transition, self._stability, self.plan = transition, stability, made
        whole = ((made.start_unix_s, made.end_unix_s),)
        self._finder = Visibilities(sky, made.start_unix_s, made.end_unix_s, whole)
        self._queue: Queue = list(zip(blocks, self._finder.of(blocks), strict=True))
        self._c = Candidates.of(self._queue, transition, quotas=quotas)
        self._row = {block.id: k for k, block in enumerate(blocks)}
        unknown = [p.id for p in made.placed if p.id not in self._row]
        if unknown:
            raise ValueError(f"the plan holds block {unknown[0]}, which is not among the blocks")
        self._begin = {self._row[p.id]: p.start_unix_s for p in made.placed}
        self._out: set[int] = set()
        self._why: dict[int, str] = {}

    def replan(self, now_unix_s: float, event: Event | None = None) -> Plan:
        """Repair the plan after something happened; it is :attr:`plan` from then on.

        Without an event, and where everything planned can still be observed, nothing changes.

        :raises ValueError: for a block that is not there, or that does not run
        """
        before = dict(self._begin)
        if event is not None:
            self._apply(event, now_unix_s)
        c = self._c
        past = {k: s for k, s in before.items() if s + c.duration_s[k] <= now_unix_s and k in self._begin}
        self._out |= set(past)
        c = self._from_now(now_unix_s)
        order = self._repaired(c, now_unix_s, before)
        if event is not None or len(order) < len(self._begin) - len(past):
            order = self._refilled(c, order)
        self._begin = past | self._kept(c, order, before)
        self.plan = self._made(before)
        return self.plan

    def improve(self, now_unix_s: float, search: Search) -> Plan:
        """Search for a plan of more value from now on; a small gain is not worth a change."""
        c = self._from_now(now_unix_s)
        future = tuple(k for k in sorted(self._begin, key=lambda k: self._begin[k]) if k not in self._out)
        keep = np.array([k for k in range(len(c.value)) if k not in self._out and c.spans[k]], dtype=np.int64)
        place = {int(k): i for i, k in enumerate(keep)}
        old = Route.through(c.only(keep), tuple(place[k] for k in future))
        if old is None:
            return self.replan(now_unix_s)
        found = improved(c.only(keep), old, search)
        if found.value(c.only(keep)) > old.value(c.only(keep)) * (1 + self._stability):
            before = dict(self._begin)
            past = {k: s for k, s in before.items() if k in self._out}
            self._begin = past | self._kept(c, tuple(int(keep[i]) for i in found.order), before)
            self.plan = self._made(before)
        return self.plan

    def _apply(self, event: Event, now: float) -> None:
        running = next((k for k, s in self._begin.items() if s <= now < s + self._c.duration_s[k]), None)
        if isinstance(event, Alert):
            self._add(event.block)
            if running is not None and event.interrupts:
                self._interrupt(running, "interrupted by an alert")
        elif isinstance(event, Lost):
            lost = event.start_unix_s, event.end_unix_s
            if running is not None and lost[0] < self._begin[running] + self._c.duration_s[running]:
                self._interrupt(running, "interrupted: time was lost")
            self._restrict([self._without(k, lost) for k in range(len(self._queue))])
        elif isinstance(event, Overrun):
            k = self._find(event.id)
            if k != running:
                raise ValueError(f"block {event.id} does not run: it can't take longer")
            duration = self._c.duration_s.copy()
            duration[k] = event.end_unix_s - self._begin[k]
            self._c = replace(self._c, duration_s=duration)
        elif isinstance(event, Pinned):
            k, at = self._find(event.id), event.start_unix_s
            if not any(a <= at <= b for a, b in self._c.spans[k]):
                raise ValueError(f"block {event.id} can't be observed from {utc(at)} UTC")
            spans = list(self._c.spans)
            spans[k] = [(at, at)]
            self._restrict(spans)
            self._begin[k] = at
            self._c.value[k] += _FIRST
        else:
            k = self._find(event.id)
            self._begin.pop(k, None)
            if isinstance(event, Dropped) or not event.again:
                self._out.add(k)
                self._why[k] = "dropped by hand" if isinstance(event, Dropped) else "failed"

    def _interrupt(self, k: int, why: str) -> None:
        del self._begin[k]
        self._why[k] = why

    def _add(self, block: Block) -> None:
        if block.id in self._row:
            raise ValueError(f"block {block.id} is there already")
        self._queue.append((block, self._finder.of([block])[0]))
        self._row[block.id] = len(self._queue) - 1
        self._c = self._c.with_one_more(self._queue, self._transition, bonus=_FIRST)

    def _restrict(self, spans: list[list[tuple[float, float]]]) -> None:
        self._c = self._c.restricted(spans)

    def _without(self, k: int, lost: tuple[float, float]) -> list[tuple[float, float]]:
        """Give the starts of a block that do not touch a lost time."""
        first, last = lost[0] - float(self._c.duration_s[k]), lost[1]
        out: list[tuple[float, float]] = []
        for a, b in self._c.spans[k]:
            out += [(x, y) for x, y in ((a, min(b, first)), (max(a, last), b)) if x <= y]
        return out

    def _from_now(self, now: float) -> Candidates:
        spans = [[(max(a, now), b) for a, b in own if b >= now] for own in self._c.spans]
        for k, start in self._begin.items():
            if k not in self._out and start <= now:
                spans[k] = [(start, start)]
        running = tuple(k for k, s in self._begin.items() if k not in self._out and s <= now)
        return replace(self._c.restricted(spans), fixed=running)

    def _repaired(self, c: Candidates, now: float, before: Mapping[int, float]) -> tuple[int, ...]:
        """Keep what can be kept of the order, the most valuable first in its place: alerts and pins before all."""
        wanted = sorted((k for k in self._begin if k not in self._out), key=lambda k: self._begin[k])
        first = [k for k in range(len(c.value)) if c.value[k] >= _FIRST and k not in self._out and c.spans[k]]
        must = sorted({*c.fixed, *first}, key=lambda k: (k not in c.fixed, c.spans[k][0][0]))
        kept = Route.through(c, tuple(must))
        while kept is None and must:
            must.pop()
            kept = Route.through(c, tuple(must))
        order = list(kept.order) if kept is not None else []
        at_once = sorted(
            {*order, *wanted}, key=lambda k: (k not in c.fixed, before.get(k, c.spans[k][0][0] if c.spans[k] else now))
        )
        if Route.through(c, tuple(at_once)) is not None:
            return tuple(at_once)
        for k in wanted:
            if k in order:
                continue
            starts = {m: s for m, s in zip(order, self._starts_of(c, order), strict=True)}
            place = sum(starts[m] < before.get(k, now) for m in order)
            for at in range(place, len(order) + 1):
                if Route.through(c, (*order[:at], k, *order[at:])) is not None:
                    order.insert(at, k)
                    break
        return tuple(order)

    @staticmethod
    def _starts_of(c: Candidates, order: Sequence[int]) -> list[float]:
        route = Route.through(c, tuple(order))
        return [] if route is None else route.earliest.tolist()

    def _refilled(self, c: Candidates, order: tuple[int, ...]) -> tuple[int, ...]:
        route = Route.through(c, order)
        if route is None:
            return order
        barred = {*order, *self._out}
        pool = [k for k in range(len(c.value)) if k not in barred and c.spans[k]]
        left = c.quota_s.copy()
        for k in self._begin:
            if k in self._out and c.quota_of[k] >= 0:
                left[c.quota_of[k]] -= c.duration_s[k]
        return route.filled(replace(c, quota_s=left), np.array(pool, dtype=np.int64), 0.9).order

    @staticmethod
    def _kept(c: Candidates, order: tuple[int, ...], before: Mapping[int, float]) -> dict[int, float]:
        """Give starts: those of before where they still can be."""
        route = Route.through(c, order)
        if route is None:
            return {}
        begin: dict[int, float] = {}
        arrival = -inf
        for i, k in enumerate(order):
            wish = max(before.get(k, -inf), arrival, float(route.earliest[i]))
            start = min(wish, float(route.latest[i]))
            start = min((max(a, start) for a, b in c.spans[k] if start <= b), default=float(route.earliest[i]))
            start = max(min(start, float(route.latest[i])), arrival, float(route.earliest[i]))
            begin[k] = start
            way = float(c.transition_s[k, order[i + 1]]) if i + 1 < len(order) else 0.0
            arrival = start + float(c.duration_s[k]) + way
        return begin

    def _made(self, before: Mapping[int, float]) -> Plan:
        c = self._c
        order = sorted(self._begin, key=lambda k: self._begin[k])
        placed = tuple(
            Placement(
                self._queue[k][0].id,
                self._begin[k],
                self._begin[k] + float(c.duration_s[k]),
                self._words(k, before),
                float(c.transition_s[order[i - 1], k]) if i else 0.0,
            )
            for i, k in enumerate(order)
        )
        former = {r.id: r.reason for r in self.plan.rejected}
        rejected = tuple(
            Rejection(b.id, self._why.get(k) or former.get(b.id) or "its place was needed for what is more important")
            for k, (b, _) in enumerate(self._queue)
            if k not in self._begin
        )
        value = sum(self._queue[k][0].worth for k in order if self._queue[k][0].fixed_start_unix_s is None)
        return Plan(self.plan.start_unix_s, self.plan.end_unix_s, placed, rejected, value)

    def _words(self, k: int, before: Mapping[int, float]) -> str:
        if k not in before:
            return "alert: as soon as it can be observed" if self._c.value[k] >= _FIRST else "fills time that came free"
        moved = self._begin[k] - before[k]
        return "where it was" if abs(moved) < 1.0 else f"moved by {moved / 60:+.1f} min"

    def _find(self, block_id: Id) -> int:
        try:
            return self._row[block_id]
        except KeyError:
            raise ValueError(f"there is no block {block_id}") from None
