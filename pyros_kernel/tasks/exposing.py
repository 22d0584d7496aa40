"""Take one frame and keep it: the same for the night's plans, its calibrations and every recipe."""

from __future__ import annotations

import logging
from typing import Protocol

from astropy import units as u

from instruments import Camera, Frame, FrameKind, OperationAborted, OperationState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.clock import Clock
from pyros_kernel.images import ArchiveError, ImageArchive, ImageContext
from pyros_kernel.store import Image, Store
from pyros_kernel.tasks.analysis import AnalysisServices, analyse_image
from pyros_kernel.tasks.waiting import wait_or_stop

logger = logging.getLogger(__name__)

_SHORT = 1 * u.ms  # what a device may round an exposure time to


class ExposingServices(Protocol):
    """What an exposure needs of the observatory."""

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def archive(self) -> ImageArchive:
        """The images on disk."""
        ...


def take_frame(
    camera: Camera,
    exposure: u.Quantity,
    kind: FrameKind,
    context: ImageContext,
    services: ExposingServices,
    cancelled: Cancellation,
) -> tuple[Frame, Image]:
    """Expose, write the frame to disk, and commit its row.

    A frame of the sky that is cut short is read out and kept, labelled as incomplete, before this raises.

    :raises WorkCancelled: if it was cancelled before or while exposing; the camera has stopped then
    :raises OperationAborted: if somebody else stopped the exposure
    :raises InstrumentError: if the camera failed
    :raises ArchiveError: if the disk does not take it
    """
    cancelled.check()
    running = camera.expose(exposure, kind)

    def read_out() -> None:
        if running.state is OperationState.RUNNING:  # or it would stop what was begun after it
            camera.stop_exposure()

    stop = read_out if kind is FrameKind.LIGHT else running.cancel
    frame = wait_or_stop(running, services.clock, cancelled, stop)
    complete = frame.exposure_time > exposure - _SHORT
    if complete:
        return frame, services.archive.save(frame, context, services.store)
    try:
        services.archive.save(frame, context, services.store, complete=False)
    except ArchiveError as error:  # that it was stopped is what the caller has to know
        logger.error("the part of an exposure is lost: %s", error)
    cancelled.check()
    raise OperationAborted(f"{camera.name}: stopped after {frame.exposure_time:.3g} of {exposure:g}")


def analyse_or_log(image_id: int, services: AnalysisServices) -> None:
    """Analyse an image; what goes wrong with that is logged."""
    try:
        analyse_image(image_id, services=services)
    except Exception:  # an image that can't be analysed is kept, and must not end the night
        logger.exception("image %d could not be analysed", image_id)
