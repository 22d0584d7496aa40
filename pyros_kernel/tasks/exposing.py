"""Take one frame and keep it: the same for the night's plans, its calibrations and every recipe."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from astropy import units as u

from instruments import (
    Camera,
    Frame,
    FrameKind,
    InstrumentError,
    NotConnected,
    Operation,
    OperationAborted,
    OperationState,
    ProtocolError,
    Rejected,
    Timeout,
)
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.clock import Clock
from pyros_kernel.images import ArchiveError, BadFrame, ImageArchive, ImageContext, check_frame
from pyros_kernel.images.spare import spare_archive
from pyros_kernel.store import Image, Store
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.analysis import AnalysisServices, analyse_image
from pyros_kernel.tasks.cuts import link_again, through_cuts
from pyros_kernel.tasks.waiting import wait_or_stop

logger = logging.getLogger(__name__)

_DISK_PAUSE_REAL_S = (0.5, 10.0)  # first and longest pause before a disk that refused a frame is tried again
_FOLLOWED_REAL_S = 60.0  # besides the exposure itself: so long its link may be away, all in all
_TURNS_REAL_S = 0.1  # how often a filter on its way is looked at
_BEGINS = 5  # so often an exposure is commanded whose link is cut each time
_SHORT = 1 * u.ms  # what a device may round an exposure time to


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame that is to be taken.

    :param filter: brought into the beam before; left as it is if None
    :param analysed: whether it gets a quick-look
    """

    camera: Camera
    exposure: u.Quantity
    kind: FrameKind
    context: ImageContext
    filter: str | None = None
    analysed: bool = True


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


class ShotServices(ExposingServices, AnalysisServices, Protocol):
    """What a frame and its analysis need of the observatory."""


def take_shot(shot: Shot, services: ShotServices, cancelled: Cancellation, analysis: Executor) -> tuple[Frame, Image]:
    """Take a frame as :func:`take_frame` does, through its filter, and have it analysed if it is to be.

    :param analysis: where the analyses run, so that the next exposure doesn't wait for them
    """
    if shot.filter is not None:
        bring_filter(shot.camera, shot.filter, services.clock, cancelled)
    try:
        frame, image = take_frame(shot.camera, shot.exposure, shot.kind, shot.context, services, cancelled)
    except BadFrame as bad:
        analysis.submit(analyse_or_log, bad.image_id, services, (bad.flag,))
        raise
    if shot.analysed:
        analysis.submit(analyse_or_log, image.id, services)
    return frame, image


def bring_filter(camera: Camera, wanted: str, clock: Clock, cancelled: Cancellation) -> None:
    """Bring a filter into the beam; one that is on its way, by a command whose answer was cut off, is waited for.

    :raises WorkCancelled: if the work was cancelled
    :raises InstrumentError: if the camera failed, or did not take it
    """
    sent, deadline = False, time.monotonic() + _FOLLOWED_REAL_S

    def bring() -> None:
        nonlocal sent
        again, sent = sent, True
        while camera.state().filter.value != wanted:
            try:
                wait_or_stop(camera.set_filter(wanted), clock, cancelled)
            except Rejected:
                if not again or time.monotonic() > deadline:
                    raise
                cancelled.wait(_TURNS_REAL_S)
                cancelled.check()

    through_cuts(camera, bring, cancelled)


def take_frame(
    camera: Camera,
    exposure: u.Quantity,
    kind: FrameKind,
    context: ImageContext,
    services: ExposingServices,
    cancelled: Cancellation,
) -> tuple[Frame, Image]:
    """Expose, write the frame to disk, and commit its row.

    A frame of the sky that is cut short is read out and kept, labelled as incomplete, before this raises.  A frame that
    left the camera is kept: while the disk does not take it, or the store is away, this waits.

    :raises WorkCancelled: if it was cancelled before or while exposing; the camera has stopped then
    :raises OperationAborted: if somebody else stopped the exposure
    :raises InstrumentError: if the camera failed; :class:`BadFrame` if what it gave of the sky can't be what it saw
    :raises ArchiveError: if the disk did not take it until the work was cancelled; says where it lies instead
    """
    cancelled.check()
    asked_s = services.clock.unix_s()
    frame = _exposed(camera, exposure, kind, services.clock, cancelled)
    complete = frame.exposure_time > exposure - _SHORT
    had_s = services.clock.unix_s()
    try:
        path = _write(frame, context, services.archive, cancelled, complete=complete)
    except ArchiveError as error:
        if complete:
            raise
        logger.error("%s", error)  # that it was stopped is what the caller has to know
    else:
        image = patiently(
            f"the row of {path.name}",
            lambda: services.archive.add(frame, context, services.store, path, complete=complete),
            services.store.ending,
        )
        if complete and kind is FrameKind.LIGHT:
            check_frame(
                frame, image, asked_s, had_s, clock=services.clock, store=services.store, archive=services.archive
            )
        if complete:
            return frame, image
    cancelled.check()
    raise OperationAborted(f"{camera.name}: stopped after {frame.exposure_time:.3g} of {exposure:g}")


def _exposed(camera: Camera, exposure: u.Quantity, kind: FrameKind, clock: Clock, cancelled: Cancellation) -> Frame:
    """Expose and wait for the frame; a cut link ends neither, the exposure is followed again once it is back."""
    running = _begun(camera, exposure, kind, cancelled)
    deadline = time.monotonic() + _FOLLOWED_REAL_S + 3 * running.eta_s / clock.speed

    def read_out() -> None:
        if running.state is OperationState.RUNNING:  # or it would stop what was begun after it
            camera.stop_exposure()

    while True:
        try:
            return wait_or_stop(running, clock, cancelled, read_out if kind is FrameKind.LIGHT else running.cancel)
        except (NotConnected, ProtocolError) as lost:
            if running.state is not OperationState.UNKNOWN or time.monotonic() > deadline:
                raise
            link_again(camera, lost, cancelled)
            try:
                again = camera.pick_up(running)
            except Rejected:
                raise lost from None
            except (NotConnected, ProtocolError, Timeout):
                continue  # the link was cut again: so it is once more
            running = _begun(camera, exposure, kind, cancelled) if again is None else again


def _begun(camera: Camera, exposure: u.Quantity, kind: FrameKind, cancelled: Cancellation) -> Operation[Frame]:
    """Command an exposure, once: where a cut link hides whether it began, the camera is asked before anything else."""
    lost: InstrumentError | None = None
    for tries_left in range(_BEGINS - 1, -1, -1):
        try:
            running = None if lost is None else camera.take_up()
            return camera.expose(exposure, kind) if running is None else running
        except (NotConnected, ProtocolError, Timeout) as error:
            if not tries_left:
                raise
            lost = error
            link_again(camera, error, cancelled)
        except Rejected as refused:
            # It can't tell whether it began, or is busy: with what was given up and came through late after all.
            if lost is None or not tries_left:
                raise lost or refused from None
    raise AssertionError("the last try returns or raises")


def _write(
    frame: Frame, context: ImageContext, archive: ImageArchive, cancelled: Cancellation, *, complete: bool
) -> Path:
    pause_s, longest_s = _DISK_PAUSE_REAL_S
    while True:
        try:
            return archive.write(frame, context, complete=complete)
        except ArchiveError as error:
            if cancelled.is_set():
                return _put_aside(frame, context, archive, error, complete=complete)
            logger.error("a frame of %s waits for the disk: %s", frame.camera, error)
        cancelled.wait(pause_s)
        pause_s = min(2 * pause_s, longest_s)


def _put_aside(
    frame: Frame, context: ImageContext, archive: ImageArchive, why: ArchiveError, *, complete: bool
) -> NoReturn:
    kept = spare_archive(archive).write(frame, context, complete=complete)
    raise ArchiveError(f"{why}; until the next start the frame lies in {kept}") from why


def analyse_or_log(image_id: int, services: AnalysisServices, flags: tuple[str, ...] = ()) -> None:
    """Analyse an image; what goes wrong with that is logged.

    :param flags: what is known to be wrong with it already
    """
    try:
        patiently(
            f"the analysis of image {image_id}",
            lambda: analyse_image(image_id, services=services, known=flags),
            services.store.ending,
        )
    except Exception:  # an image that can't be analysed is kept, and must not end the night
        logger.exception("image %d could not be analysed", image_id)
