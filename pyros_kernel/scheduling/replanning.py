"""Change a plan in milliseconds: what runs and what still holds stays where it is, what has come free is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Pointing, Transition
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.events import Alert, Dropped, Event, Failed, Forecast, Lost, Overrun, Pinned
from pyros_kernel.scheduling.intervals import complement, union
from pyros_kernel.scheduling.joining import bound_together, joined
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection, Search
from pyros_kernel.scheduling.placing import Queue
from pyros_kernel.scheduling.repair import mended, refilled, starts_near
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.search import improved
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.visibility import Visibilities
from pyros_kernel.scheduling.words import left_out, utc

_FIRST = 1e9  # what an alert is worth more than anything
_ROOM = 16  # alerts that are added without a copy of the table of transitions
_NO_ROOM = "its place was needed for what is more important"


class Replanner:
    """Holds a night's blocks and its plan, and changes the plan when something happens.

    :param made: the plan to begin with, of the same blocks
    :param blocked: times (unix seconds) in which nothing may be observed
    :param conditions: the sky that is expected
    :param pointing: where the telescope stands, if nothing runs: what comes first starts after the way from there
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
        blocked: Sequence[tuple[float, float]] = (),
        pointing: Pointing | None = None,
        conditions: Conditions | None = None,
        stability: float = 0.005,
    ) -> None:
        self._sky, self._transition, self._pointing = sky, transition, pointing
        self._stability, self.plan = stability, made
        self._quotas = dict(quotas or {})
        self._free = complement(union(blocked), made.start_unix_s, made.end_unix_s)
        self._finder = Visibilities(sky, made.start_unix_s, made.end_unix_s, self._free, (), conditions)
        self._queue: Queue = list(zip(blocks, self._finder.of(blocks), strict=True))
        self._c = Candidates.of(self._queue, transition, quotas=self._quotas).roomy(_ROOM)
        self._row = {block.id: k for k, block in enumerate(blocks)}
        unknown = [p.id for p in made.placed if p.id not in self._row]
        if unknown:
            raise ValueError(f"the plan holds block {unknown[0]}, which is not among the blocks")
        self._begin = {self._row[p.id]: p.start_unix_s for p in made.placed}
        self._way_s = [self._way(block, seen.direction) for block, seen in self._queue]
        self._out: set[int] = set()
        self._lost: list[tuple[float, float]] = []
        self._why: dict[int, str] = {}
        self._rejected: dict[Id, Rejection] = {r.id: r for r in made.rejected}

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
        order = self._repaired(c, before)
        if isinstance(event, Alert) and (k := self._find(event.block.id)) in order:
            c = c.started({k: starts_near(c, order, before)[k]})  # nothing is put in before it
        if event is not None or len(order) < len(self._begin) - len(past):
            order = self._refilled(c, order)
        self._begin = past | starts_near(c, order, before)
        self.plan = self._made(before)
        return self.plan

    def improve(self, now_unix_s: float, search: Search) -> Plan:
        """Search for a plan of more value from now on, and find the bound; a small gain is not worth a change.

        What is mandatory, of a series, an alert or pinned stays where it is, and the bound is that of plans that
        leave it there.
        """
        c = self._from_now(now_unix_s)
        future = tuple(k for k in sorted(self._begin, key=lambda k: self._begin[k]) if k not in self._out)
        series = bound_together(c)
        held = {k for k in future if k in c.fixed or k in series or self._queue[k][0].mandatory or c.value[k] >= _FIRST}
        keep = np.array(
            [
                k
                for k, (block, _) in enumerate(self._queue)
                if k not in self._out
                and c.spans[k]
                and (k in self._begin or (block.group is None and block.after is None))
            ],
            dtype=np.int64,
        )
        worth = np.array([0.0 if k in held else block.worth for k, (block, _) in enumerate(self._queue)])
        fixed = tuple(k for k in future if k in held)
        held_worth = sum(self._queue[k][0].worth for k in held if self._queue[k][0].fixed_start_unix_s is None)
        free = replace(c.started({k: self._begin[k] for k in held}), value=worth, fixed=fixed, bonus=0.0).only(keep)
        place = {int(k): i for i, k in enumerate(keep)}
        old = Route.through(free, tuple(place[k] for k in future))
        if old is None:
            return self.replan(now_unix_s)
        found, bound = improved(free, old, search)
        before = dict(self._begin)
        order = tuple(int(keep[i]) for i in found.order)
        # A group that lost one of it is not whole any more: such a plan is not taken.
        whole = all(k in order for k in future if self._queue[k][0].group is not None)
        if whole and found.value(free) > old.value(free) * (1 + self._stability):
            past = {k: s for k, s in before.items() if k in self._out}
            self._begin = past | starts_near(c, order, before)
        self.plan = replace(self._made(before), bound=bound + held_worth)
        return self.plan

    def explained(self) -> Plan:
        """Give the plan, with the reason of each rejection looked up: this takes longer than the plan itself."""
        whole = self.plan.start_unix_s, self.plan.end_unix_s
        rows = {p.id: p for p in self.plan.placed}
        placed = [(rows[b.id].start_unix_s, rows[b.id].end_unix_s, b) for b, _ in self._queue if b.id in rows]
        rejected = tuple(
            Rejection(b.id, self._why.get(k) or left_out(b, seen, placed, whole, self._free, self._quotas))
            for k, (b, seen) in enumerate(self._queue)
            if b.id not in rows
        )
        return replace(self.plan, rejected=rejected)

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
            self._lost.append(lost)
            self._c = self._c.without(*lost)
        elif isinstance(event, Forecast):
            self._expect(event.conditions)
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
            self._c = self._c.started({k: at})
            self._begin[k] = at
            self._c.value[k] += _FIRST
        elif isinstance(event, Failed | Dropped):
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
        self._way_s.append(self._way(block, self._queue[-1][1].direction))
        self._c = self._c.with_one_more(self._queue, self._transition, bonus=_FIRST)

    def _expect(self, conditions: Conditions) -> None:
        """Look anew when what has further constraints can be observed."""
        whole = self.plan.start_unix_s, self.plan.end_unix_s
        self._finder = Visibilities(self._sky, *whole, self._free, (), conditions)
        rows = [k for k, (block, _) in enumerate(self._queue) if block.constraints]
        for k, seen in zip(rows, self._finder.of([self._queue[k][0] for k in rows]), strict=True):
            self._queue[k] = self._queue[k][0], seen
        self._c = self._c.seen(rows, self._queue)
        for lost in self._lost:
            self._c = self._c.without(*lost)

    def _way(self, block: Block, direction: Floats) -> float:
        if self._pointing is None or block.fixed_start_unix_s is not None:
            return 0.0
        return self._pointing.way_s(self._sky, block, direction, self._transition)

    def _from_now(self, now: float) -> Candidates:
        running = {k: s for k, s in self._begin.items() if k not in self._out and s <= now}
        return replace(self._c.within(now + np.array(self._way_s)).started(running), fixed=tuple(running))

    def _repaired(self, c: Candidates, before: Mapping[int, float]) -> tuple[int, ...]:
        """Keep what can be kept of the order; alerts and pins come before all."""
        wanted = [k for k in self._begin if k not in self._out]
        first = [k for k in np.flatnonzero(c.value >= _FIRST).tolist() if k not in self._out and c.spans[k]]
        return mended(c, wanted, {*c.fixed, *first}, before)

    def _refilled(self, c: Candidates, order: tuple[int, ...]) -> tuple[int, ...]:
        barred = {*order, *self._out}
        startable = np.flatnonzero((c.first <= c.last).any(axis=1)).tolist()
        # One of a group is placed with all of it or not at all, which only a whole plan can see to.
        pool = [k for k in startable if k not in barred and self._queue[k][0].group is None]
        spent = [k for k in self._begin if k in self._out]
        order = refilled(c, order, pool, spent)
        if not c.linked:
            return order
        return joined(c, order, [k for k in pool if c.after[k] >= 0 and k not in order], spent)

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
        for p in placed:
            self._rejected.pop(p.id, None)
        rejected = tuple(self._rejection(k) for k in range(len(self._queue)) if k not in self._begin)
        value = sum(self._queue[k][0].worth for k in order if self._queue[k][0].fixed_start_unix_s is None)
        return Plan(self.plan.start_unix_s, self.plan.end_unix_s, placed, rejected, value)

    def _rejection(self, k: int) -> Rejection:
        """Give why a block has no place: what was said before, if nothing else is known."""
        name = self._queue[k][0].id
        known, why = self._rejected.get(name), self._why.get(k)
        if known is None or (why is not None and known.reason != why):
            known = self._rejected[name] = Rejection(name, _NO_ROOM if why is None else why)
        return known

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
