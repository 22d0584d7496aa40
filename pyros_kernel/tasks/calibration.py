"""Take the calibration frames of a night, with the dome closed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy import units as u
from astropy.io import fits
from sqlalchemy import func, select

from instruments import Camera, Frame, FrameKind, InstrumentError, OperationAborted
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.clock import Clock
from pyros_kernel.images import ArchiveError, ImageArchive, ImageContext, Place
from pyros_kernel.images.archive import write_fits
from pyros_kernel.store import Channel, Image, Night, Store
from pyros_kernel.tasks.waiting import wait_or_stop

logger = logging.getLogger(__name__)

BIASES = 5
DARKS = 3
DARK_DEFAULT_S = 30.0


class Cameras(Protocol):
    """What calibrations need of the devices."""

    @property
    def cameras(self) -> Mapping[Channel, Camera]:
        """The cameras that can be used now, by channel."""
        ...


class CalibrationServices(Protocol):
    """What calibrations need of the observatory."""

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

    @property
    def devices(self) -> Cameras:
        """The devices."""
        ...


def take_calibrations(night_id: int, *, services: CalibrationServices, cancelled: Cancellation) -> dict[str, Any]:
    """Take biases and darks with each camera, and combine them.

    Darks are as long as the longest exposure of the night.  A camera that is missing or fails is noted, and the
    rest goes on; frames taken before a cancellation are kept.

    :return: ``frames`` (how many), ``masters`` (paths under the data directory), ``notes`` (what went wrong)
    """
    with services.store.session(read_only=True) as session:
        night = session.get_one(Night, night_id)
        context = ImageContext(night=night.name, place=Place.of(night.site))
        longest_s = {
            camera: float(seconds)
            for camera, seconds in session.execute(
                select(Image.camera, func.max(Image.exposure_time_s))
                .where(Image.night_id == night_id, Image.kind == FrameKind.LIGHT.value)
                .group_by(Image.camera)
            )
        }
    took: dict[str, Any] = {"frames": 0, "masters": [], "notes": []}
    cameras = services.devices.cameras
    took["notes"] += [f"{channel}: no camera, no calibrations" for channel in Channel if channel not in cameras]
    for channel, camera in cameras.items():
        dark = longest_s.get(camera.name, DARK_DEFAULT_S) * u.s
        try:
            biases = _take(camera, FrameKind.BIAS, 0 * u.s, BIASES, context, services, cancelled, took)
            darks = _take(camera, FrameKind.DARK, dark, DARKS, context, services, cancelled, took)
            took["masters"] += _combine(biases, darks, context.night, services.archive)
        except WorkCancelled as stopped:
            took["notes"].append(f"cancelled: {stopped}")
            break
        except (InstrumentError, OperationAborted, ArchiveError) as error:
            took["notes"].append(f"{channel}: {error}")
    for note in took["notes"]:
        logger.warning("calibrations: %s", note)
    return took


def _take(
    camera: Camera,
    kind: FrameKind,
    exposure: u.Quantity,
    count: int,
    context: ImageContext,
    services: CalibrationServices,
    cancelled: Cancellation,
    took: dict[str, Any],
) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(count):
        cancelled.check()
        frame = wait_or_stop(camera.expose(exposure, kind), services.clock, cancelled)
        services.archive.save(frame, context, services.store)
        frames.append(frame)
        took["frames"] += 1
    return frames


def _combine(biases: list[Frame], darks: list[Frame], night: str, archive: ImageArchive) -> list[str]:
    """Write the pixel by pixel medians: of the biases, and of the darks less that of the biases."""
    bias = np.median([frame.data for frame in biases], axis=0).astype(np.float32)
    dark = np.median([frame.data for frame in darks], axis=0).astype(np.float32) - bias
    folder = archive.root / night / "calibration"
    return [
        _write_master(folder, "bias", bias, biases, archive.root),
        _write_master(folder, "dark", dark, darks, archive.root),
    ]


def _write_master(
    folder: Path, kind: str, data: np.ndarray[Any, np.dtype[np.float32]], frames: list[Frame], root: Path
) -> str:
    first, last = frames[0], frames[-1]
    header = fits.Header()
    header["IMAGETYP"] = (f"MASTER {kind.upper()}", "median of single frames")
    header["INSTRUME"] = (first.camera, "camera")
    header["EXPTIME"] = (float(first.exposure_time.to_value(u.s)), "[s] of each frame")
    header["NCOMBINE"] = (len(frames), "number of frames")
    header["BIASSUB"] = (kind == "dark", "T: the master bias is taken off")
    header["DATE-OBS"] = (str(first.start.utc.isot), "UTC start of the first frame")
    header["DATE-END"] = (str((last.start + last.exposure_time).utc.isot), "UTC end of the last frame")
    header["ORIGIN"] = ("PyROS", "what wrote this file")
    path = write_fits(folder, f"master_{kind}_{first.camera}", fits.PrimaryHDU(data, header))
    return path.relative_to(root).as_posix()
