"""What people want of a night's schedule, as the planner takes it: pins, drops and blocked times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.intervals import Spans
from pyros_kernel.scheduling.outcome import Rejection
from pyros_kernel.store import Intervention, InterventionKind

_SLACK_S = 1.0  # a pinned block's window is so much longer than it, so that rounding can't close it


@dataclass(frozen=True, slots=True)
class Interventions:
    """What holds in one night.

    :param pinned: start (unix seconds) by sequence
    :param dropped: reason by sequence
    :param blocked: times in which nothing is observed
    """

    pinned: dict[int, float] = field(default_factory=dict[int, float])
    dropped: dict[int, str] = field(default_factory=dict[int, str])
    blocked: Spans = ()

    @classmethod
    def read(cls, session: Session, night_id: int) -> Interventions:
        """Read a night's."""
        pinned: dict[int, float] = {}
        dropped: dict[int, str] = {}
        blocked: list[tuple[float, float]] = []
        rows = session.scalars(select(Intervention).where(Intervention.night_id == night_id).order_by(Intervention.id))
        for row in rows:
            if row.kind is InterventionKind.DROP and row.sequence_id is not None:
                dropped[row.sequence_id] = row.reason
            elif row.kind is InterventionKind.PIN and row.sequence_id is not None and row.start is not None:
                pinned[row.sequence_id] = row.start.timestamp()
            elif row.kind is InterventionKind.BLOCK and row.start is not None and row.end is not None:
                blocked.append((row.start.timestamp(), row.end.timestamp()))
        return cls(pinned, dropped, tuple(blocked))

    def applied(self, blocks: Iterable[Block], now_unix_s: float) -> tuple[list[Block], list[Rejection]]:
        """Give the blocks as they are wanted, and those that are not wanted; what runs is left as it is.

        A pin whose time has passed holds no more: the block is asked for like any other.
        """
        wanted: list[Block] = []
        refused: list[Rejection] = []
        for block in blocks:
            key = int(block.id)
            if block.fixed_start_unix_s is None and key in self.dropped:
                why = self.dropped[key]
                refused.append(Rejection(block.id, "dropped by hand" + (f": {why}" if why else "")))
            elif block.fixed_start_unix_s is None and self.pinned.get(key, 0.0) > now_unix_s:
                wanted.append(pinned(block, self.pinned[key]))
            else:
                wanted.append(block)
        return wanted, refused


def pinned(block: Block, start_unix_s: float) -> Block:
    """Give a block that is observed from a moment, and at no other time."""
    window = start_unix_s, start_unix_s + block.duration_s + _SLACK_S
    return replace(block, window=window, windows=(), mandatory=True, group=None)
