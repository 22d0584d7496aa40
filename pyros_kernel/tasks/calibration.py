"""Take the calibration frames of a night, with the dome closed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray
from sqlalchemy import func, select

from instruments import Camera, Frame, FrameKind, InstrumentError, OperationAborted
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.clock import Clock
from pyros_kernel.images import ArchiveError, ImageArchive, ImageContext, Place
from pyros_kernel.images.archive import write_fits
from pyros_kernel.store import Channel, Image, Night, Store
from pyros_kernel.tasks.exposing import take_frame

logger = logging.getLogger(__name__)

FloatImage = NDArray[np.float32]

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
        frame, _ = take_frame(camera, exposure, kind, context, services, cancelled)
        frames.append(frame)
        took["frames"] += 1
    return frames


def _combine(biases: list[Frame], darks: list[Frame], night: str, archive: ImageArchive) -> list[str]:
    """Write the masters: of the biases, and of the darks less that of the biases."""
    bias_path, bias = write_master("bias", biases, night, archive)
    dark_path, _ = write_master("dark", darks, night, archive, bias)
    return [bias_path, dark_path]


def write_master(
    kind: str,
    frames: Sequence[Frame],
    night: str,
    archive: ImageArchive,
    bias: FloatImage | None = None,
) -> tuple[str, FloatImage]:
    """Write the pixel by pixel median of frames of one camera and length.

    :param kind: ``bias``, ``dark`` or ``flat``, for its name
    :param bias: taken off, if given; counts, of the frames' shape
    :return: its path under the data directory, and its counts
    :raises ArchiveError: if the disk does not take it
    """
    data: FloatImage = np.median([frame.data for frame in frames], axis=0).astype(np.float32)
    if bias is not None:
        data = data - bias
    first, last = frames[0], frames[-1]
    header = fits.Header()
    header["IMAGETYP"] = (f"MASTER {kind.upper()}", "median of single frames")
    header["INSTRUME"] = (first.camera, "camera")
    header["EXPTIME"] = (float(first.exposure_time.to_value(u.s)), "[s] of each frame")
    header["NCOMBINE"] = (len(frames), "number of frames")
    header["BIASSUB"] = (bias is not None, "T: the master bias is taken off")
    header["DATE-OBS"] = (str(first.start.utc.isot), "UTC start of the first frame")
    header["DATE-END"] = (str((last.start + last.exposure_time).utc.isot), "UTC end of the last frame")
    header["ORIGIN"] = ("PyROS", "what wrote this file")
    folder = archive.root / night / "calibration"
    path = write_fits(folder, f"master_{kind}_{first.camera}", fits.PrimaryHDU(data, header))
    return path.relative_to(archive.root).as_posix(), data
