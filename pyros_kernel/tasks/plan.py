"""Execute a plan: one filter, so many exposures of the same length."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from astropy import units as u
from astropy.coordinates import SkyCoord
from sqlalchemy import func, select

from instruments import Camera, FrameKind, InstrumentError, OperationAborted
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.images import ArchiveError, ImageContext, Place
from pyros_kernel.services import Services
from pyros_kernel.store import Alert, Image, Plan, PlanStatus
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.exposing import Shot, take_shot
from pyros_kernel.tasks.looking import geometry_of
from pyros_kernel.tasks.sequence import target_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlanUnderWay:
    """A plan that executes.

    :param shot: what each of its images is
    :param numbers: of the images that are to be taken now, from 1
    """

    shot: Shot
    numbers: range


@contextmanager
def plan_under_way(
    plan_id: int, services: Services, pointing: SkyCoord | None = None, upto: int | None = None
) -> Generator[PlanUnderWay | None]:
    """Let a plan execute within the block, and record how that ended; images that are there count.

    :param pointing: where the telescope was told to point; at the sequence's target if left out
    :param upto: so many of its images are wanted now; all if left out.  A plan that needs more is left INTERRUPTED
    :return: None if there is nothing to do, or no camera to do it with
    """
    begun = patiently(
        f"the start of plan {plan_id}", lambda: _begin(plan_id, services, pointing, upto), services.store.ending
    )
    if begun is None:
        yield None
        return
    now, whole = begun
    try:
        yield now
    except Exception as error:
        _end(plan_id, _ended_by(error), str(error), services)
        raise
    if whole:
        _end(plan_id, PlanStatus.EXECUTED, "", services)
    else:
        _end(plan_id, PlanStatus.INTERRUPTED, "the telescope is pointed anew", services)


@contextmanager
def plans_under_way(plan_ids: Sequence[int], services: Services) -> Generator[Callable[[Shot], Shot]]:
    """Let plans execute within the block, in which a recipe takes their images its own way, and record how that ended.

    :return: signs a frame for the plan of its camera, filter and exposure time; one that is not analysed (to focus by,
        to centre by) belongs to none
    """
    contexts = patiently(
        f"the start of plans {list(plan_ids)}", lambda: _begin_all(plan_ids, services), services.store.ending
    )

    def signed(shot: Shot) -> Shot:
        context = contexts.get((shot.camera.name, shot.filter, float(shot.exposure.to_value(u.s))))
        if context is None or shot.kind is not FrameKind.LIGHT or not shot.analysed:
            return shot
        seen = replace(context, pointing=shot.context.pointing, geometry=shot.context.geometry)
        return replace(shot, context=seen)

    try:
        yield signed
    except Exception as error:
        how, why = _ended_by(error), str(error)
        patiently("the end of plans", lambda: _end_all(plan_ids, services, how, why), services.store.ending)
        raise
    patiently("the end of plans", lambda: _end_all(plan_ids, services, PlanStatus.EXECUTED), services.store.ending)


def execute_plan(
    plan_id: int,
    *,
    services: Services,
    cancelled: Cancellation,
    analysis: Executor,
    tell: Callable[[int, int], object] = lambda _done, _total: None,
) -> int:
    """Take the images of a plan that are still missing, where the telescope points, and have each analysed.

    :param analysis: where the analyses run, so that the next exposure doesn't wait for them
    :param tell: is told after each image how many of how many are taken
    :return: how many images it took
    :raises WorkCancelled: if it was cancelled; the images taken so far are kept
    :raises InstrumentError: if the camera failed, or gave a frame that can't be what it saw
    :raises ArchiveError: if the disk did not take a frame
    """
    with plan_under_way(plan_id, services) as plan:
        if plan is None:
            return 0
        for done, _ in enumerate(plan.numbers, 1):
            take_shot(plan.shot, services, cancelled, analysis)
            tell(done, len(plan.numbers))
        return len(plan.numbers)


def _begin(
    plan_id: int, services: Services, pointing: SkyCoord | None, upto: int | None
) -> tuple[PlanUnderWay, bool] | None:
    """Move a plan to EXECUTING; give what is to be done, and whether that completes it."""
    with services.store.session() as session:
        plan = session.get_one(Plan, plan_id)
        channel = plan.album.channel
        done = session.scalar(select(func.count()).where(Image.plan_id == plan_id, Image.complete)) or 0
        wanted = plan.number_of_images if upto is None else upto
        if done >= wanted:
            return None
        camera = services.devices.cameras.get(channel)
        if camera is None:
            logger.warning("plan %d: no camera on channel %s: left out, the rest goes on", plan_id, channel)
            return None
        plan.become(PlanStatus.EXECUTING)
        context = _context(plan, camera, services, pointing, session.scalar(_alert_of(plan)) or "")
        shot = Shot(camera, plan.exposure_time_s * u.s, FrameKind.LIGHT, context, plan.filter)
        return PlanUnderWay(shot, range(done + 1, wanted + 1)), wanted >= plan.number_of_images


def _ended_by(error: Exception) -> PlanStatus:
    """Tell what an error makes of a plan: what instruments and disk do fails it, anything else interrupts it."""
    failed = isinstance(error, InstrumentError | ArchiveError) and not isinstance(error, OperationAborted)
    return PlanStatus.FAILED if failed else PlanStatus.INTERRUPTED


_Key = tuple[str, str | None, float]


def _begin_all(plan_ids: Sequence[int], services: Services) -> dict[_Key, ImageContext]:
    contexts: dict[_Key, ImageContext] = {}
    with services.store.session() as session:
        for plan in session.scalars(select(Plan).where(Plan.id.in_(plan_ids)).order_by(Plan.id)):
            camera = services.devices.cameras.get(plan.album.channel)
            if camera is None:
                continue
            if plan.status is not PlanStatus.EXECUTED:
                plan.become(PlanStatus.EXECUTING)
            key = camera.name, plan.filter, plan.exposure_time_s
            contexts[key] = _context(plan, camera, services, None, session.scalar(_alert_of(plan)) or "")
    return contexts


def _end_all(plan_ids: Sequence[int], services: Services, status: PlanStatus, reason: str = "") -> None:
    with services.store.session() as session:
        executing = Plan.id.in_(plan_ids), Plan.status == PlanStatus.EXECUTING
        for plan in session.scalars(select(Plan).where(*executing)).all():
            taken = session.scalar(select(func.count()).where(Image.plan_id == plan.id, Image.complete)) or 0
            few = f"{taken} of {plan.number_of_images} images" if taken < plan.number_of_images else ""
            plan.become(status, reason or few)


def _end(plan_id: int, status: PlanStatus, reason: str, services: Services) -> None:
    def end() -> None:
        with services.store.session() as session:
            session.get_one(Plan, plan_id).become(status, reason)

    patiently(f"the end of plan {plan_id}", end, services.store.ending)


def _alert_of(plan: Plan):
    return select(Alert.ivorn).where(Alert.request_id == plan.album.sequence.request_id).order_by(Alert.id.desc())


def _context(plan: Plan, camera: Camera, services: Services, pointing: SkyCoord | None, ivorn: str) -> ImageContext:
    sequence = plan.album.sequence
    settings = services.devices.row_of(camera).settings
    return ImageContext(
        night=services.night_name,
        place=Place.of(services.site),
        pointing=pointing or target_of(sequence, services),
        geometry=geometry_of(camera, services.devices),
        telescope=services.devices.telescope.name,
        detector=str(settings.get("detector", "")),
        object_name=sequence.target,
        observer=sequence.request.user.full_name or sequence.request.user.username,
        programme=sequence.request.programme.name,
        request_id=sequence.request_id,
        sequence_id=sequence.id,
        album_id=plan.album_id,
        plan_id=plan.id,
        alert_ivorn=ivorn,
    )
