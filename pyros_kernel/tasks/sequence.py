"""What the store is told of a sequence that is observed: its beginning, its end, and what follows for its request."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from astropy.coordinates import SkyCoord
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.wishes import place_at
from pyros_kernel.services import Services
from pyros_kernel.store import PlanStatus, Request, RequestStatus, Sequence, SequenceStatus, Store
from pyros_kernel.store.patience import patiently

logger = logging.getLogger(__name__)


def begin(sequence: Sequence, services: Services, chain: str | None = None) -> SkyCoord:
    """Move a sequence to EXECUTING, and its request with it; give its target.

    :param chain: of tasks, that observes it; None if something else does
    """
    sequence.become(SequenceStatus.EXECUTING)
    sequence.started, sequence.ended, sequence.chain = _now(services), None, chain
    if sequence.request.status is RequestStatus.SUBMITTED:
        sequence.request.become(RequestStatus.EXECUTING)
    logger.info("sequence %s: started", sequence.name)
    return target_of(sequence, services)


def target_of(sequence: Sequence, services: Services) -> SkyCoord:
    """Give where a sequence's target is now."""
    return SkyCoord(*place_at(sequence, services.sky, services.clock.unix_s()), unit="deg", frame="icrs")


def outcome_of(taken: int) -> tuple[SequenceStatus, str]:
    """Give the status and reason of a sequence whose albums all ended, by the images they took."""
    if taken:
        return SequenceStatus.EXECUTED, f"{taken} images"
    return SequenceStatus.FAILED, "no image was taken: none of its cameras could be used"


def finish(sequence_id: int, status: SequenceStatus, reason: str, services: Services) -> None:
    """Record how a sequence ended, and move its request on."""

    def end() -> str:
        with services.store.session() as session:
            sequence = session.get_one(Sequence, sequence_id)
            sequence.become(status, reason)
            sequence.ended = _now(services)
            _settle(sequence.request, session)
            return sequence.name

    name = patiently(f"the end of sequence {sequence_id}", end, services.store.ending)
    logger.log(
        logging.WARNING if status is SequenceStatus.FAILED else logging.INFO,
        "sequence %s: %s, %s",
        name,
        status,
        reason,
    )


def _settle(request: Request, session: Session) -> None:
    """Move a request on once its sequences allow: complete, failed, or back to waiting."""
    session.flush()
    statuses = {s.status for s in request.sequences}
    over = {SequenceStatus.EXECUTED, SequenceStatus.FAILED, SequenceStatus.CANCELLED}
    if request.status is not RequestStatus.EXECUTING:
        return
    failed = [s for s in request.sequences if s.status in (SequenceStatus.FAILED, SequenceStatus.CANCELLED)]
    if failed and (request.all_or_nothing or any(s.mandatory for s in failed)):
        request.become(RequestStatus.FAILED, f"sequence {failed[0].name}: {failed[0].reason}")
    elif statuses <= over:
        if SequenceStatus.EXECUTED in statuses:
            request.become(RequestStatus.COMPLETE)
        else:
            request.become(RequestStatus.FAILED, f"no sequence was observed: {failed[0].reason}")


def settle_missed(request: Request, session: Session) -> None:
    """Move a request on of which a sequence was not observed in the nights it was asked for."""
    session.flush()
    if request.status is RequestStatus.SUBMITTED:
        request.become(RequestStatus.EXECUTING)  # its time came, and it is judged as if it had begun
    _settle(request, session)


def after_interruption(sequence: Sequence) -> None:
    """Put an interrupted sequence back among the observable ones, unless its request was withdrawn meanwhile."""
    if sequence.request.status is RequestStatus.CANCELLED:
        sequence.become(SequenceStatus.CANCELLED, sequence.request.reason)
    else:
        sequence.become(SequenceStatus.OBSERVABLE, f"to be scheduled again: {sequence.reason}")


def recover(store: Store) -> list[str]:
    """Put back what a crash left "executing" with nobody executing it.

    :return: a sentence for each sequence
    """
    found: list[str] = []
    with store.session() as session:
        for sequence in session.query(Sequence).filter(Sequence.status == SequenceStatus.EXECUTING):
            sequence.become(SequenceStatus.INTERRUPTED, "the observatory stopped while it ran")
            after_interruption(sequence)
            for plan in (p for a in sequence.albums for p in a.plans if p.status is PlanStatus.EXECUTING):
                plan.become(PlanStatus.INTERRUPTED, "the observatory stopped while it ran")
            found.append(f"sequence {sequence.name} was interrupted by the last stop: {sequence.reason}")
    for sentence in found:
        logger.warning("%s", sentence)
    return found


def _now(services: Services) -> datetime:
    return datetime.fromtimestamp(services.clock.unix_s(), UTC)
