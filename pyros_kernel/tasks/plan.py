"""Execute a plan: one filter, so many exposures of the same length."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor

from astropy import units as u
from astropy.coordinates import SkyCoord
from sqlalchemy import func, select

from instruments import Camera, FrameKind, InstrumentError, OperationAborted
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.images import ArchiveError, BadFrame, Geometry, ImageContext, Place
from pyros_kernel.services import Services
from pyros_kernel.store import Alert, Image, Plan, PlanStatus
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.exposing import analyse_or_log, take_frame
from pyros_kernel.tasks.waiting import wait_or_stop

logger = logging.getLogger(__name__)


def execute_plan(
    plan_id: int,
    *,
    services: Services,
    cancelled: Cancellation,
    analysis: Executor,
    tell: Callable[[int, int], object] = lambda _done, _total: None,
) -> int:
    """Take the images of a plan that are still missing, and have each analysed.

    :param analysis: where the analyses run, so that the next exposure doesn't wait for them
    :param tell: is told after each image how many of how many are taken
    :return: how many images it took
    :raises WorkCancelled: if it was cancelled; the images taken so far are kept
    :raises InstrumentError: if the camera failed, or gave a frame that can't be what it saw
    :raises ArchiveError: if the disk did not take a frame
    """
    with services.store.session() as session:
        plan = session.get_one(Plan, plan_id)
        channel = plan.album.channel
        done = session.scalar(select(func.count()).where(Image.plan_id == plan_id, Image.complete)) or 0
        filter_name, exposure = plan.filter, plan.exposure_time_s * u.s
        missing = plan.number_of_images - done
        if missing <= 0:
            return 0
        camera = services.devices.cameras.get(channel)
        if camera is None:
            logger.warning("plan %d: no camera on channel %s: left out, the rest goes on", plan_id, channel)
            return 0
        plan.become(PlanStatus.EXECUTING)
        context = _context(plan, camera, services, session.scalar(_alert_of(plan)) or "")
    try:
        wait_or_stop(camera.set_filter(filter_name), services.clock, cancelled)
        for number in range(1, missing + 1):
            _, image = take_frame(camera, exposure, FrameKind.LIGHT, context, services, cancelled)
            analysis.submit(analyse_or_log, image.id, services)
            tell(number, missing)
    except BadFrame as bad:
        analysis.submit(analyse_or_log, bad.image_id, services, (bad.flag,))
        _end(plan_id, PlanStatus.FAILED, str(bad), services)
        raise
    except (WorkCancelled, OperationAborted) as stopped:
        _end(plan_id, PlanStatus.INTERRUPTED, str(stopped), services)
        raise
    except (InstrumentError, ArchiveError) as error:
        _end(plan_id, PlanStatus.FAILED, str(error), services)
        raise
    _end(plan_id, PlanStatus.EXECUTED, "", services)
    return missing


def _end(plan_id: int, status: PlanStatus, reason: str, services: Services) -> None:
    def end() -> None:
        with services.store.session() as session:
            session.get_one(Plan, plan_id).become(status, reason)

    patiently(f"the end of plan {plan_id}", end)


def _alert_of(plan: Plan):
    return select(Alert.ivorn).where(Alert.request_id == plan.album.sequence.request_id).order_by(Alert.id.desc())


def _context(plan: Plan, camera: Camera, services: Services, ivorn: str) -> ImageContext:
    sequence = plan.album.sequence
    settings = services.devices.row_of(camera).settings
    return ImageContext(
        night=services.night_name,
        place=Place.of(services.site),
        pointing=SkyCoord(sequence.ra_deg, sequence.dec_deg, unit="deg", frame="icrs"),
        geometry=Geometry.from_settings(settings),
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
