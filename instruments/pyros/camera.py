"""A camera behind a PyROS line."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from instruments.camera import Camera, CameraActivity, CameraState, Frame, FrameKind
from instruments.clock import Clock
from instruments.errors import ProtocolError, Rejected
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.pyros.answer import Answer
from instruments.pyros.device import Device, Status, time_of
from instruments.quantity import number_in
from instruments.reading import Reading

_DETECTOR, _FILTER = "detector", "filter"
_FETCH_S = 20.0


@dataclass(frozen=True, slots=True)
class _Exposure:
    """An exposure that was commanded.

    :param after: number of the camera's last frame before it, as it told at ``told``
    :param number: of its own frame; None if the answer that told it was lost
    """

    what: str
    seconds: float
    after: int
    told: str
    number: int | None = None


class PyrosCamera(Camera):
    """Take images with a camera that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/CAMERA_VIS`` or ``…/CAMERA_NIR``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        super().__init__(name, address)
        self._device = Device(name, address, clock, self._state)
        self._cooling: float | str | None = None
        self._asked: _Exposure | None = None  # the last one that was commanded
        self._last: tuple[Operation[Frame], _Exposure] | None = None  # the last one that is known to have begun

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._device.connected

    @property
    def last_state(self) -> CameraState | None:
        """The last state that was read."""
        return self._device.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, tell the cooler again what it was told, and read the state once."""
        fresh = not self._device.connected
        self._device.connect(timeout_s)
        if fresh and self._cooling is not None:
            self._device.ask("SET", "COOLER", self._cooling)

    def state(self, timeout_s: float = DEADLINE_S) -> CameraState:
        """Read the state from the device."""
        return self._device.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop the exposure and discard it; a filter on its way arrives."""
        self._device.abort(reason, _DETECTOR)

    def stop_exposure(self) -> None:
        """End the exposure that runs now, and read it out: its operation ends with a frame of less exposure time."""
        self._device.do("STOP")

    def disconnect(self) -> None:
        """Give the link back."""
        self._device.disconnect()

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        """Take one frame; the operation's result is the frame."""
        seconds = number_in(exposure_time, u.s)
        what, self._asked = f"expose {seconds:g} s {kind}", None
        upload = self._device.command("SET", "EXPOSURE", seconds, kind.value)
        # By this number :meth:`take_up` knows the frame, should the answer be lost.
        status = self._device.read(DEADLINE_S)
        asked = self._asked = _Exposure(what, seconds, int(status["frame"]), status["time"])
        accepted = self._device.upload_and_do(upload, "EXPOSE")
        begun = replace(asked, number=int(accepted.values["frame"]))
        return self._follow(begun, float(accepted.values["eta"]), accepted.sent_monotonic_s)

    def pick_up(self, lost: Operation[Frame]) -> Operation[Frame]:
        """Follow an exposure again whose operation was lost with the link."""
        if self._last is None or self._last[0] is not lost:
            raise Rejected(self.name, lost.command, "another exposure was begun since", self._device.describe())
        return self._follow(self._last[1], lost.eta_s, time.monotonic())

    def take_up(self) -> Operation[Frame] | None:
        """Follow the exposure that was commanded last, though the link was cut before the command was answered."""
        asked, sent_s = self._asked, time.monotonic()
        status = self._device.read(DEADLINE_S)
        if asked is None or (status["activity"] == CameraActivity.IDLE and status["frame"] <= asked.after):
            return None
        return self._follow(asked, float(status["remaining"]), sent_s)

    def _follow(self, exposure: _Exposure, eta_s: float, sent_s: float) -> Operation[Frame]:
        what = exposure.what
        operation: Operation[Any] = Operation(
            self.name, what, eta_s, on_cancel=lambda: self.abort(f"{what} was cancelled")
        )
        operation.sent_monotonic_s = sent_s
        self._last = operation, exposure
        self._device.poller.follow(operation, partial(self._check_exposure, operation, exposure), _DETECTOR, sent_s)
        return operation

    def set_filter(self, name: str) -> Operation[CameraState]:
        """Bring the filter ``name`` into the beam."""
        accepted = self._device.upload_and_do(self._device.command("SET", "FILTER", name), "FILTER")
        operation: Operation[Any] = Operation(self.name, f"set_filter {name}", float(accepted.values["eta"]))
        operation.sent_monotonic_s = accepted.sent_monotonic_s
        check = partial(self._check_filter, operation, name)
        self._device.poller.follow(operation, check, _FILTER, accepted.sent_monotonic_s)
        return operation

    def set_cooling(self, setpoint: u.Quantity | None) -> None:
        """Cool the detector to ``setpoint``, or switch the cooler off with None.

        A camera that comes back is told again.
        """
        value = "off" if setpoint is None else number_in(setpoint, u.deg_C, u.temperature())
        self._device.ask("SET", "COOLER", value)
        self._cooling = value

    def _check_exposure(self, operation: Operation[Any], exposure: _Exposure, status: Status) -> None:
        if status["time"] == exposure.told:
            return  # told before the exposure was commanded: it stands still
        number = exposure.after + 1 if exposure.number is None else exposure.number
        if status["frame"] < number:
            if status["activity"] == CameraActivity.IDLE:
                operation.abort_with("somebody else stopped the exposure")
            return
        answer, payload = self._device.fetch("IMAGE", _FETCH_S)
        if exposure.number is None:
            number = answer.values["frame"]  # the first one since: numbers of what was aborted are left out
        if answer.values["frame"] != number:
            operation.abort_with(f"frame {number} was overwritten by frame {answer.values['frame']}")
            return
        try:
            operation.finish(_frame(self.name, answer, payload))
        except (OSError, ValueError, TypeError, IndexError) as error:
            broken = f"frame {number} is not the FITS image it should be ({error})"
            operation.fail(ProtocolError(self.name, operation.command, broken, self._device.describe()))

    def _state(self, status: Status) -> CameraState:
        time, begun = time_of(status["time"]), None if self._last is None else self._last[1]
        activity = CameraActivity(status["activity"])
        mine = begun is not None and activity is not CameraActivity.IDLE and status["frame"] <= begun.after
        return CameraState(
            activity=Reading(activity, None, time, self.name),
            filter=Reading(str(status["filter"]), None, time, self.name),
            filters=tuple(status["filters"]),
            temperature=Reading(float(status["temperature"]), u.deg_C, time, self.name),
            remaining=Reading(float(status["remaining"]), u.s, time, self.name),
            exposure=Reading(begun.seconds, u.s, time, self.name) if begun and mine else None,
        )

    def _check_filter(self, operation: Operation[Any], name: str, status: Status) -> None:
        if status["filter_moving"]:
            return
        if status["filter"] == name:
            operation.finish(self._state(status))
        else:
            operation.abort_with(f"somebody else stopped the wheel: {status['filter']} is in the beam")


def _frame(name: str, answer: Answer, payload: bytes) -> Frame:
    values: Any = answer.values
    with fits.open(io.BytesIO(payload), memmap=False, lazy_load_hdus=False) as hdus:
        hdu: Any = hdus[0]
        data = np.ascontiguousarray(hdu.data, dtype=np.uint16)
        if data.ndim != 2:
            raise ValueError(f"it has {data.ndim} axes, not 2")
        # Who writes the frame again makes its structural cards (SIMPLE, NAXIS …) anew.
        hdu.header.strip()
        cards = [(str(c.keyword), c.value, str(c.comment)) for c in hdu.header.cards if c.keyword]
    return Frame(
        data=data,
        header={key: (value, comment) for key, value, comment in cards},
        start=time_of(values["start"]),
        exposure_time=float(values["exposure"]) * u.s,
        kind=FrameKind(values["kind"]),
        filter=str(values["filter"]),
        camera=name,
    )
