"""Sequences that follow others: the points of a monitoring series, within a night and over several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from pyros_kernel.scheduling.block import Block, Id
from pyros_kernel.scheduling.outcome import Rejection
from pyros_kernel.scheduling.words import utc
from pyros_kernel.store import Sequence, SequenceStatus

_WAITING = (SequenceStatus.DRAFT, SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED, SequenceStatus.INTERRUPTED)
_LONGEST = 10_000  # sequences that follow each other in a circle end here
_SLACK_S = 1.0  # a gap that ends with the night it began in leaves room for rounding


def linked(
    blocks: Iterable[Block],
    sequences: Mapping[int, Sequence],
    alerts: frozenset[Id],
    now_unix_s: float,
    end_unix_s: float,
    begun: Mapping[int, float] | None = None,
) -> tuple[list[Block], list[Rejection]]:
    """Bind each block to the one it follows, or to the times that one leaves it; refuse those that can't be yet.

    A point of a series that failed or was cancelled is passed over: the next counts from the one before it, with as
    many times the greatest gap.

    :param sequences: of the blocks, by id
    :param alerts: blocks that an alert asks for and that have not begun: nothing is planned after them yet
    :param end_unix_s: end of the plan
    :param begun: when sequences are thought to have begun (unix seconds) that have not yet: those of nights before
    """
    when = begun or {}
    there = {int(b.id): b for b in blocks}
    refused: dict[int, str] = {}
    while True:
        out = [
            _bound(b, sequences[k], there, refused, alerts, (now_unix_s, end_unix_s), when)
            if b.fixed_start_unix_s is None
            else b
            for k, b in there.items()
        ]
        fell = {k: why for k, why in zip(there, out, strict=True) if isinstance(why, str)}
        if not fell:
            return [b for b in out if isinstance(b, Block)], [Rejection(k, why) for k, why in refused.items()]
        refused |= fell
        there = {k: b for k, b in there.items() if k not in fell}


def missed(sequence: Sequence, now_unix_s: float) -> str:
    """Tell that a sequence had to follow another by now, and did not; empty if it still can, or need not."""
    before, steps = sequence.after, 1
    while before is not None and sequence.max_gap_s is not None and steps < _LONGEST:
        if before.status in _WAITING:
            return ""
        if before.started is not None and before.status is SequenceStatus.EXECUTED:
            last = before.started.timestamp() + steps * sequence.max_gap_s
            return _too_late(before.name, last) if last < now_unix_s else ""
        before, steps = before.after, steps + 1
    return ""


def _bound(
    block: Block,
    sequence: Sequence,
    there: Mapping[int, Block],
    refused: Mapping[int, str],
    alerts: frozenset[Id],
    plan: tuple[float, float],
    begun: Mapping[int, float],
) -> Block | str:
    least, greatest = sequence.min_gap_s or 0.0, inf if sequence.max_gap_s is None else sequence.max_gap_s
    if not 0 <= least <= greatest:
        return f"can't be scheduled: a gap of at least {least:g} and at most {greatest:g} s is none"
    before, steps = sequence.after, 1
    while before is not None and steps < _LONGEST:
        if before.id in begun:
            start = begun[before.id]
            return _within(block, before.name, start + least, start + greatest * steps, plan)
        if before.id in alerts:
            return f"planned once {before.name} has begun, which it follows"
        if before.id in there:
            return replace(block, after=before.id, gap_s=(least, greatest * steps))
        if before.status in _WAITING or before.id in refused:
            return f"follows {before.name}, which is not planned in this night"
        if before.started is not None and before.status in (SequenceStatus.EXECUTED, SequenceStatus.EXECUTING):
            start = before.started.timestamp()
            return _within(block, before.name, start + least, start + greatest * steps, plan)
        before, steps = before.after, steps + 1
    return block


def _within(block: Block, name: str, first: float, last: float, plan: tuple[float, float]) -> Block | str:
    """Let a block start between two times."""
    if first + block.duration_s > plan[1]:
        return f"follows {name}: not before {utc(first, True)} UTC"
    if last < plan[0]:
        return _too_late(name, last)
    spans = block.allowed or ((-inf, inf),)
    allowed = [(max(a, first), min(b, last + block.duration_s + _SLACK_S)) for a, b in spans]
    possible = [(a, b) for a, b in allowed if a < b]
    if not possible:
        return (
            f"follows {name}: from {utc(first, True)} to {utc(last, True)} UTC, and its own window is at another time"
        )
    return replace(block, window=possible[0], windows=tuple(possible[1:]))


def _too_late(name: str, last_unix_s: float) -> str:
    return f"follows {name}: had to begin by {utc(last_unix_s, True)} UTC"
