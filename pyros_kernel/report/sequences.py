"""A sequence as it was planned, and as it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyros_kernel.store import Image, PlacedSequence, RequestKind, SequenceStatus
from pyros_kernel.store import Sequence as SequenceRow

NOT_REACHED = "not reached"
INTERRUPTED = "interrupted"
REJECTED = "rejected"

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """A sequence of a night.

    :param planned: where it was first placed; None if it never was
    :param started: when it began in this night; None if it did not
    :param ended: when it ended; None while it runs
    :param outcome: executed, interrupted, failed, executing, cancelled, not reached or rejected
    """

    id: int
    name: str
    target: str
    programme: str
    is_alert: bool
    ra_deg: float
    dec_deg: float
    planned: Interval | None
    started: datetime | None
    ended: datetime | None
    outcome: str
    reason: str
    images: tuple[Image, ...]

    @property
    def order(self) -> tuple[datetime, int]:
        """What sequences of a night are sorted by."""
        when = self.started or (self.planned[0] if self.planned else None)
        assert when is not None, "only sequences that were placed or begun have an order"
        return when, self.id


def sequence_facts(
    row: SequenceRow,
    entries: Sequence[PlacedSequence],
    span: Interval,
    images: Mapping[int, Sequence[Image]],
) -> SequenceFacts:
    """Bring together what is known of a sequence.

    :param entries: where the night's schedules put it, oldest first
    :param span: the night
    :param images: the night's images by plan
    """
    begun = row.started is not None and span[0] <= row.started <= span[1]
    planned = next(((e.start, e.end) for e in entries if e.start is not None and e.end is not None), None)
    outcome = _outcome(row, begun, planned is not None)
    return SequenceFacts(
        id=row.id,
        name=row.name,
        target=row.target,
        programme=row.request.programme.name,
        is_alert=row.request.kind is RequestKind.ALERT,
        ra_deg=row.ra_deg,
        dec_deg=row.dec_deg,
        planned=planned,
        started=row.started if begun else None,
        ended=row.ended if begun else None,
        outcome=outcome,
        reason=_reason(row, entries, outcome),
        images=tuple(image for album in row.albums for plan in album.plans for image in images.get(plan.id, ())),
    )


def _outcome(row: SequenceRow, begun: bool, planned: bool) -> str:
    status = row.status
    if begun:
        # An interrupted sequence is put back among the observable ones at once, to be scheduled again.
        waiting = status in (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED)
        return INTERRUPTED if waiting else str(status)
    if status is SequenceStatus.CANCELLED:
        return str(status)
    return NOT_REACHED if planned else REJECTED


def _reason(row: SequenceRow, entries: Sequence[PlacedSequence], outcome: str) -> str:
    refused = [entry.reason for entry in entries if entry.start is None and entry.reason]
    if outcome == REJECTED and refused:
        return refused[0]  # said of the whole night; later ones only of what was left of it
    if outcome == NOT_REACHED:
        return _lost_by(entries) or row.reason
    return row.reason


def _lost_by(entries: Sequence[PlacedSequence]) -> str:
    """Give why a sequence lost its place: what the first schedule said that had none for it any more."""
    lost = ""
    for entry in reversed(entries):
        if entry.start is not None:
            break
        lost = entry.reason or lost
    return lost
