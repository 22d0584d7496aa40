"""What follows the end of a sequence, and of the night."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.report import write_report, write_summary
from pyros_kernel.scheduling.following import missed
from pyros_kernel.scheduling.nights import last_night
from pyros_kernel.services import Services
from pyros_kernel.store import Alert, AlertStatus, PlanStatus, RequestKind, Sequence, SequenceStatus, Store
from pyros_kernel.tasks.sequence import after_interruption, settle_missed

logger = logging.getLogger(__name__)

_OUTCOMES = {
    SequenceStatus.EXECUTED: AlertStatus.OBSERVED,
    SequenceStatus.INTERRUPTED: AlertStatus.ACCEPTED,
    SequenceStatus.FAILED: AlertStatus.FAILED,
}


def after_sequence(
    sequence_id: int, outcome: SequenceStatus | None, services: Services, *, left_open: bool = False
) -> None:
    """Put an interrupted sequence back among the observable ones, and tell its alert how it ended.

    :param outcome: None if it ended by a defect
    :param left_open: whether its row may say that it executes only because nothing else could be written
    """
    with services.store.session() as session:
        sequence = session.get_one(Sequence, sequence_id)
        if sequence.status is SequenceStatus.EXECUTING and left_open:
            _interrupt(sequence, "the store was away when it ended")
        elif sequence.status is SequenceStatus.EXECUTING and outcome is None:
            sequence.become(SequenceStatus.FAILED, "it ended by a defect: see the log")
        ended = sequence.status
        if ended is SequenceStatus.INTERRUPTED:
            after_interruption(sequence)
        if sequence.request.kind is not RequestKind.ALERT or ended not in _OUTCOMES:
            return
        for alert in session.scalars(select(Alert).where(Alert.request_id == sequence.request_id)):
            if alert.status is AlertStatus.ACCEPTED and ended is SequenceStatus.EXECUTED:
                alert.become(AlertStatus.OBSERVING)  # it was observed in its turn, not at once
            if alert.status is AlertStatus.OBSERVING:
                alert.become(_OUTCOMES[ended], sequence.reason)


def put_back(store: Store, sequence_id: int, why: str, chain: str | None = None) -> None:
    """Put back a sequence that says it executes though nobody executes it; its images are kept.

    :param chain: of tasks, that observed it, or something else if None; what another one began since is left alone
    """
    with store.session() as session:
        sequence = session.get_one(Sequence, sequence_id)
        if sequence.status is not SequenceStatus.EXECUTING or sequence.chain != chain:
            return
        _interrupt(sequence, why)
        after_interruption(sequence)
    logger.warning("sequence %d is to be scheduled again: %s", sequence_id, why)


def _interrupt(sequence: Sequence, why: str) -> None:
    sequence.become(SequenceStatus.INTERRUPTED, why)
    for plan in (p for album in sequence.albums for p in album.plans if p.status is PlanStatus.EXECUTING):
        plan.become(PlanStatus.INTERRUPTED, why)


def end_night(*, services: Services) -> None:
    """Give back what was planned and not reached, end what was asked for until tonight, write report and summary."""
    with services.store.session() as session:
        for sequence in session.scalars(select(Sequence).where(Sequence.status == SequenceStatus.PLANNED)):
            sequence.become(SequenceStatus.OBSERVABLE, f"not reached in the night {services.night_name}")
        expire(session, services.night_name, services.clock.unix_s())
    report = write_report(services.night_id, services=services)
    summary = write_summary(services.night_id, services=services)
    logger.info("report: %s, figures: %s", report, summary)


def expire(session: Session, night: str, now_unix_s: float) -> None:
    """Cancel what was asked for until this night, or had to follow another by now, and move its request on."""
    session.flush()
    limited = select(Sequence).where(
        Sequence.status == SequenceStatus.OBSERVABLE, Sequence.nights.is_not(None) | Sequence.max_gap_s.is_not(None)
    )
    for sequence in session.scalars(limited.order_by(Sequence.id)):
        last = last_night(sequence.first_night, sequence.nights, night)
        if last is not None and last <= night:
            why = f"asked for until the night {last} only" + (f"; {sequence.reason}" if sequence.reason else "")
        elif not (why := missed(sequence, now_unix_s)):
            continue
        sequence.become(SequenceStatus.CANCELLED, why)
        settle_missed(sequence.request, session)
        logger.warning("sequence %s: %s", sequence.name, why)
