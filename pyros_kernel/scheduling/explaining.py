"""Tell why a plan is as it is: for one block what holds it or keeps it out, for a night how its time is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.intervals import Spans, complement, union
from pyros_kernel.scheduling.margins import margins
from pyros_kernel.scheduling.outcome import Plan
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.words import utc

_SHORTEST_IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a block is placed, or not.

    :param reason: in words
    :param rivals: ids of the placed blocks in whose time it could be
    :param change: the smallest change among those tried that would place it, in words; empty if placed or none helps
    """

    id: Id
    placed: bool
    reason: str
    rivals: tuple[Id, ...] = ()
    change: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """A stretch of the dark night in which nothing is planned."""

    start_unix_s: float
    end_unix_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class NightUse:
    """How a night's dark time is used, in seconds.

    :param by_programme: observing time of each programme
    """

    dark_s: float
    observing_s: float
    transitions_s: float
    idle: tuple[Idle, ...]
    by_programme: dict[str, float]


class Explainer:
    """Explains a plan of the blocks that it was made of.

    :param blocked: times in which nothing might be observed
    :param quotas: seconds that each programme might have
    :param conditions: the sky that was expected
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        sky: Sky,
        transition: Transition,
        made: Plan,
        *,
        blocked: Spans = (),
        quotas: Mapping[str, float] | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        self._conditions = conditions
        self._blocked, self._quotas = blocked, dict(quotas or {})
        self._blocks = {b.id: b for b in blocks}
        self._sky, self._transition, self._made = sky, transition, made

    def explain(self, block_id: Id) -> Explanation:
        """Tell why a block is where it is, or has no place, and what smallest change would give it one.

        :raises KeyError: for a block that was not given
        """
        block = self._blocks[block_id]
        for p in self._made.placed:
            if p.id == block_id:
                why = f"{utc(p.start_unix_s)} to {utc(p.end_unix_s)} UTC: {p.why}"
                spare = margins(block, self._sky, p.start_unix_s, p.end_unix_s, self._conditions)
                return Explanation(block_id, True, f"{why}; to spare: {', '.join(map(str, spare))}")
        reason = next((r.reason for r in self._made.rejected if r.id == block_id), "it was not part of the plan")
        alone = self._alone(block, busy=False)
        rivals: tuple[Id, ...] = ()
        if alone:
            a, b = alone
            rivals = tuple(p.id for p in self._made.placed if p.start_unix_s < b and a < p.end_unix_s)
        return Explanation(block_id, False, reason, rivals, self._change(block))

    def night(self) -> NightUse:
        """Tell how the dark time is used, and why some is not."""
        made, times = self._made, self._sky.night
        dark = max(times.dusk_unix_s, made.start_unix_s), min(times.dawn_unix_s, made.end_unix_s)
        inside = [(max(p.start_unix_s, dark[0]), min(p.end_unix_s, dark[1])) for p in made.placed]
        moving = sum(min(p.transition_s, p.start_unix_s - dark[0]) for p in made.placed if p.start_unix_s > dark[0])
        held = [(p.start_unix_s - p.transition_s, p.end_unix_s) for p in made.placed]
        free: Spans = complement(union(held), *dark) if dark[0] < dark[1] else ()
        idle = tuple(Idle(a, b, self._why_idle(a, b)) for a, b in free if b - a > _SHORTEST_IDLE_S)
        programmes: dict[str, float] = {}
        for p in made.placed:
            if p.id in self._blocks:
                name = self._blocks[p.id].programme
                programmes[name] = programmes.get(name, 0.0) + p.end_unix_s - p.start_unix_s
        observing = sum(max(0.0, b - a) for a, b in inside)
        return NightUse(max(0.0, dark[1] - dark[0]), observing, max(0.0, moving), idle, programmes)

    def _why_idle(self, start: float, end: float) -> str:
        rejected = [self._blocks[r.id] for r in self._made.rejected if r.id in self._blocks]
        visible: list[Block] = []
        for block in rejected:
            short = replace(
                block, duration_s=min(block.duration_s, 1.0), after=None, group=None, fixed_start_unix_s=None
            )
            alone = plan(
                [short],
                self._sky,
                self._transition,
                start_unix_s=start,
                end_unix_s=end,
                blocked=self._blocked,
                conditions=self._conditions,
            )
            if alone.placed:
                visible.append(block)
        if not rejected:
            return "everything asked for is planned"
        for a, b in self._blocked:
            if a < end and start < b:
                return f"nothing may be observed from {utc(a)} to {utc(b)} UTC"
        if not visible:
            return "nothing that is left can be observed then"
        shortest = min(visible, key=lambda b: b.duration_s)
        return (
            f"{len(visible)} that are left can be observed then, and need more than the {end - start:.0f} s: "
            f"the shortest is {shortest.label} with {shortest.duration_s:.0f} s"
        )

    def _alone(self, block: Block, *, busy: bool) -> tuple[float, float] | None:
        """Give where a block would be if it were alone, or with what is planned left where it is."""
        made = self._made
        free = replace(block, after=None, group=None)
        others = [
            replace(self._blocks[p.id], fixed_start_unix_s=p.start_unix_s, duration_s=p.end_unix_s - p.start_unix_s)
            for p in made.placed
            if busy and p.id in self._blocks
        ]
        alone = plan(
            [free, *others],
            self._sky,
            self._transition,
            start_unix_s=made.start_unix_s,
            end_unix_s=made.end_unix_s,
            blocked=self._blocked,
            quotas=self._quotas if busy else None,
            conditions=self._conditions,
        )
        return next(((p.start_unix_s, p.end_unix_s) for p in alone.placed if p.id == block.id), None)

    def _change(self, block: Block) -> str:
        """Try the limits one by one, each by a little more, with what is planned left where it is."""
        for share in (0.9, 0.75, 0.5, 0.25):
            short = replace(block, duration_s=block.duration_s * share)
            if self._alone(short, busy=True):
                return f"{(1 - share) * block.duration_s:.0f} s shorter it would fit"
        for less in (2.0, 5.0, 10.0, 20.0):
            lower = replace(block, min_altitude_deg=block.min_altitude_deg - less)
            if self._alone(lower, busy=True):
                return f"allowed {less:.0f}° lower, down to {lower.min_altitude_deg:.1f}°, it would fit"
        for limit in (-15.0, -12.0, -6.0):
            if limit > block.max_sun_altitude_deg and self._alone(
                replace(block, max_sun_altitude_deg=limit), busy=True
            ):
                return f"allowed in twilight, Sun below {limit:.0f}°, it would fit"
        for share in (0.75, 0.5, 0.0):
            nearer = replace(block, min_moon_separation_deg=block.min_moon_separation_deg * share)
            if block.min_moon_separation_deg > 0 and self._alone(nearer, busy=True):
                return f"allowed {nearer.min_moon_separation_deg:.0f}° from the Moon it would fit"
        if block.max_moon_illumination is not None and self._alone(
            replace(block, max_moon_illumination=None), busy=True
        ):
            return "allowed in moonlight it would fit"
        for constraint in block.constraints:
            others = tuple(c for c in block.constraints if c is not constraint)
            if self._alone(replace(block, constraints=others), busy=True):
                return f"without {constraint.label} it would fit"
        if block.allowed and self._alone(replace(block, window=None, windows=()), busy=True):
            return "without its window it would fit"
        if (short_s := self._quota_short_s(block)) > 0:
            return f"with {short_s:.0f} s more of quota for {block.programme} it may be placed"
        if self._alone(block, busy=False):
            return "with a priority above its rivals' it would be placed"
        return ""

    def _quota_short_s(self, block: Block) -> float:
        limit_s = self._quotas.get(block.programme)
        if limit_s is None:
            return 0.0
        placed = {p.id for p in self._made.placed}
        used_s = sum(b.duration_s for b in self._blocks.values() if b.programme == block.programme and b.id in placed)
        return used_s + block.duration_s - limit_s
