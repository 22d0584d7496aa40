"""Execute a sequence: point, then all its albums in parallel."""

from __future__ import annotations

import logging
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from astropy.coordinates import SkyCoord
from sqlalchemy.orm import Session

from instruments import InstrumentError, Operation, OperationAborted, TelescopeState
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.images import ArchiveError
from pyros_kernel.services import Services
from pyros_kernel.store import PlanStatus, Request, RequestStatus, Sequence, SequenceStatus
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.plan import execute_plan
from pyros_kernel.tasks.pointing import point

logger = logging.getLogger(__name__)


def execute_sequence(
    sequence_id: int,
    *,
    services: Services,
    cancelled: Cancellation,
    analysis: Executor,
    slew: Operation[TelescopeState] | None = None,
) -> SequenceStatus:
    """Observe a sequence, and record how it ended; never raises for what the sky, an instrument or the disk does.

    :param slew: the slew to its target, if it is under way already
    :return: EXECUTED, INTERRUPTED (cancelled; its images are kept) or FAILED; the store has the reason.
        CANCELLED if it was withdrawn before it began
    """
    begun = patiently(f"the start of sequence {sequence_id}", partial(_begin, sequence_id, services))
    if begun is None:
        return SequenceStatus.CANCELLED
    try:
        point(begun.target, services, cancelled, slew)
        taken = _execute_albums(begun.albums, services, cancelled, analysis)
    except (WorkCancelled, OperationAborted) as stopped:
        status, reason = SequenceStatus.INTERRUPTED, str(stopped)
    except (InstrumentError, ArchiveError) as error:
        status, reason = SequenceStatus.FAILED, str(error)
    else:
        status, reason = outcome_of(taken)
    finish(sequence_id, status, reason, services)
    return status


@dataclass(frozen=True, slots=True)
class _Begun:
    target: SkyCoord
    albums: list[list[int]]  # ids of the plans of each


def _begin(sequence_id: int, services: Services) -> _Begun | None:
    """Note that it runs; None if it was withdrawn."""
    with services.store.session() as session:
        sequence = session.get_one(Sequence, sequence_id)
        if sequence.status is SequenceStatus.CANCELLED:
            logger.info("sequence %s: not started, %s", sequence.name, sequence.reason)
            return None
        target = begin(sequence, services)
        return _Begun(target, [[plan.id for plan in album.plans] for album in sequence.albums])


def begin(sequence: Sequence, services: Services) -> SkyCoord:
    """Move a sequence to EXECUTING, and its request with it; give its target."""
    sequence.become(SequenceStatus.EXECUTING)
    sequence.started, sequence.ended = _now(services), None
    if sequence.request.status is RequestStatus.SUBMITTED:
        sequence.request.become(RequestStatus.EXECUTING)
    logger.info("sequence %s: started", sequence.name)
    return SkyCoord(sequence.ra_deg, sequence.dec_deg, unit="deg", frame="icrs")


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

    name = patiently(f"the end of sequence {sequence_id}", end)
    logger.log(
        logging.WARNING if status is SequenceStatus.FAILED else logging.INFO,
        "sequence %s: %s, %s",
        name,
        status,
        reason,
    )


def _execute_albums(albums: list[list[int]], services: Services, cancelled: Cancellation, analysis: Executor) -> int:
    """Run the albums side by side, a thread each; the first failure ends the others, and is raised."""

    def execute(plan_ids: list[int]) -> int:
        return sum(
            execute_plan(plan_id, services=services, cancelled=together, analysis=analysis) for plan_id in plan_ids
        )

    together = Cancellation()  # ends all albums: for the caller's reason, or because one of them failed

    def on_end(album: Future[int]) -> None:
        if (error := album.exception()) is not None:
            together.set(f"another channel ended: {error}")

    with (
        cancelled.calling(lambda: together.set(cancelled.reason)),
        ThreadPoolExecutor(max_workers=max(1, len(albums)), thread_name_prefix="pyros-album") as pool,
    ):
        running = [pool.submit(execute, plan_ids) for plan_ids in albums]
        for album in running:
            album.add_done_callback(on_end)
        errors = [error for album in running if (error := album.exception()) is not None]
    cancelled.check()
    if errors:
        # What started it: an instrument's or the disk's error, not the cancellations that followed from it.
        raise next((e for e in errors if isinstance(e, (InstrumentError, ArchiveError))), errors[0])
    return sum(album.result() for album in running)


def _settle(request: Request, session: Session) -> None:
    """Move a request on once its sequences allow: complete, failed, or back to waiting."""
    session.flush()
    statuses = {s.status for s in request.sequences}
    over = {SequenceStatus.EXECUTED, SequenceStatus.FAILED, SequenceStatus.CANCELLED}
    if request.status is not RequestStatus.EXECUTING:
        return
    failed = [s for s in request.sequences if s.status is SequenceStatus.FAILED]
    if failed and (request.all_or_nothing or any(s.mandatory for s in failed)):
        request.become(RequestStatus.FAILED, f"sequence {failed[0].name}: {failed[0].reason}")
    elif statuses <= over:
        done = SequenceStatus.EXECUTED in statuses
        request.become(
            RequestStatus.COMPLETE if done else RequestStatus.FAILED, "" if done else "every sequence failed"
        )


def after_interruption(sequence: Sequence) -> None:
    """Put an interrupted sequence back among the observable ones, unless its request was withdrawn meanwhile."""
    if sequence.request.status is RequestStatus.CANCELLED:
        sequence.become(SequenceStatus.CANCELLED, sequence.request.reason)
    else:
        sequence.become(SequenceStatus.OBSERVABLE, f"to be scheduled again: {sequence.reason}")


def recover(services: Services) -> list[str]:
    """Put back what a crash left "executing" with nobody executing it.

    :return: a sentence for each sequence
    """
    found: list[str] = []
    with services.store.session() as session:
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
