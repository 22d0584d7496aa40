"""What a camera is: a detector behind its shutter and filters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from astropy import units as u
from astropy.time import Time
from numpy.typing import NDArray

from instruments.errors import Rejected
from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


class FrameKind(StrEnum):
    """What a frame is taken for."""

    LIGHT = "light"
    BIAS = "bias"
    DARK = "dark"
    FLAT = "flat"


class CameraActivity(StrEnum):
    """What the camera is doing."""

    IDLE = "idle"
    EXPOSING = "exposing"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class CameraState:
    """What a camera says of itself.

    :param activity: what it is doing
    :param filter: name of the filter in the beam
    :param filters: names of the filters it has
    :param temperature: of the detector, degrees Celsius
    :param remaining: of the running exposure, seconds
    :param exposure: length of the running exposure, seconds; None where none runs, or this process began none
    """

    activity: Reading[CameraActivity]
    filter: Reading[str]
    filters: tuple[str, ...]
    temperature: Reading[float]
    remaining: Reading[float]
    exposure: Reading[float] | None = None

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.activity.time


@dataclass(frozen=True, slots=True)
class Frame:
    """An image as it left the camera.

    :param data: counts, shape (rows, columns), uint16
    :param header: FITS cards that the camera itself knows (keyword → value, or (value, comment))
    :param start: when the shutter opened, by the camera's clock
    :param exposure_time: open-shutter time
    :param kind: what it was taken for
    :param filter: filter in the beam
    :param camera: name of the camera
    """

    data: NDArray[np.uint16]
    header: Mapping[str, object]
    start: Time
    exposure_time: u.Quantity
    kind: FrameKind
    filter: str
    camera: str


class Camera(Instrument[CameraState]):
    """Take images with a camera and its filter wheel."""

    @abstractmethod
    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        """Take one frame; the operation's result is the frame, read out and checked for its size.

        :raises Rejected: if the camera is busy, or the exposure time is out of its range
        """

    def pick_up(self, lost: Operation[Frame]) -> Operation[Frame] | None:
        """Follow an exposure again whose operation was lost with the link: it went on in the camera.

        :param lost: as :meth:`expose` gave it, or this
        :return: None if it is over and its frame can't be had any more: it may be taken again
        :raises Rejected: if this camera can't tell, or began another one since
        :raises InstrumentError: if its state can't be read
        """
        raise Rejected(self.name, lost.command, "this camera can't tell which exposure it made", "its link was lost")

    def take_up(self) -> Operation[Frame] | None:
        """Follow the exposure that was commanded last, though the link was cut before the command was answered.

        To be asked once there is a link again.

        :return: None if the camera never began it: it may be commanded again
        :raises Rejected: if this camera can't tell
        :raises InstrumentError: if its state can't be read
        """
        raise Rejected(self.name, "expose", "this camera can't tell whether it began", "its link was lost")

    def stop_exposure(self) -> None:
        """End the exposure that runs now, and read it out: its operation ends with a frame of less exposure time.

        A camera that can't do that discards the exposure, as :meth:`abort` does.

        :raises InstrumentError: if the camera did not take it
        """
        self.abort("the exposure was ended early, and this camera can't read out a part of one")

    @abstractmethod
    def set_filter(self, name: str) -> Operation[CameraState]:
        """Bring the filter ``name`` into the beam.

        :raises Rejected: if the camera has no such filter
        """

    @abstractmethod
    def set_cooling(self, setpoint: u.Quantity | None) -> None:
        """Cool the detector to ``setpoint``, or switch the cooler off with None."""
