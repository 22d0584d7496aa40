"""A camera behind Alpaca."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from alpaca.camera import Camera as AscomCamera
from alpaca.camera import CameraStates
from astropy import units as u
from astropy.time import Time

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, optional, parse
from instruments.alpaca.filter_wheel import AlpacaFilterWheel
from instruments.camera import CameraActivity, CameraState, Frame, FrameKind
from instruments.clock import Clock
from instruments.errors import Failed, ProtocolError, Rejected
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading
from instruments.wheeled_camera import WheeledCamera

_READOUT_S, _FETCH_S = 60.0, 30.0
_SEEN_REAL_S = 0.6  # an exposure of so long is looked at several times while it runs
_ACTIVITIES = {
    CameraStates.cameraWaiting: CameraActivity.EXPOSING,
    CameraStates.cameraExposing: CameraActivity.EXPOSING,
    CameraStates.cameraReading: CameraActivity.READING,
    CameraStates.cameraDownload: CameraActivity.READING,
}


@dataclass(frozen=True, slots=True)
class _Exposure:
    """An exposure that was commanded.

    :param before: what the camera called its last start before it; empty if it has no such word
    """

    what: str
    start_s: float
    seconds: float
    kind: FrameKind
    filter_name: str
    before: str


class AlpacaCamera(WheeledCamera):
    """Take images with a camera that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/camera/0``; ``?wheel=0`` names the filter wheel before it, on the same server;
        without it, the camera has no filters
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse(address, ("wheel",))
        self._device: AlpacaDevice[CameraState] = AlpacaDevice(
            name, where, clock, "camera", make=AscomCamera, read=_read, make_state=self._state, stop=_stop
        )
        wheel: AlpacaFilterWheel | None = None
        if number := where.options.get("wheel"):
            wheel = AlpacaFilterWheel(name, f"alpaca://{where.host}:{where.port}/filterwheel/{number}", clock)
        super().__init__(name, address, self._device, wheel, "?wheel=0")
        self._asked: _Exposure | None = None  # the last one that was commanded
        self._last: Operation[Frame] | None = None
        self._length_s: float | None = None  # of the last one that is known to have begun
        self._ends_s = 0.0  # of the exposure that runs, or ran last

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        """Take one frame; the operation's result is the frame."""
        seconds, kind, self._asked = number_in(exposure_time, u.s), FrameKind(kind), None
        what = f"expose {seconds:g} s {kind}"
        low, high = self._device.last_status.get("limits", (0.0, 0.0))
        # The shortest a camera can is what it calls a bias.
        seconds = max(seconds, low) if kind is FrameKind.BIAS else seconds
        if self._device.connected and not low <= seconds <= high:
            why = f"{seconds:g} s lies beyond the camera's limits of {low:g} to {high:g} s"
            raise Rejected(self.name, what, why, self._device.describe())
        light = kind in (FrameKind.LIGHT, FrameKind.FLAT)
        filter_name = str(self._beam(self._device.clock.now())[0].value)
        before = self._device.ask(what, _last_start)
        asked = self._asked = _Exposure(what, self._device.clock.unix_s(), seconds, kind, filter_name, before)
        sent_s = self._device.order(what, lambda camera: camera.StartExposure(seconds, light))
        return self._follow(asked, sent_s, begun=seconds / self._device.clock.speed < _SEEN_REAL_S)

    def take_up(self) -> Operation[Frame] | None:
        """Follow the exposure that was commanded last, though the link was cut before the command was answered.

        One that has ended is known by the camera's last start; a camera that has no such word may be told again.
        """
        asked, sent_s = self._asked, time.monotonic()
        idle = self._device.read(DEADLINE_S)["activity"] == CameraActivity.IDLE
        if asked is None or (idle and self._device.ask(asked.what, _last_start) == asked.before):
            return None
        return self._follow(asked, sent_s, begun=True)

    def pick_up(self, lost: Operation[Frame]) -> Operation[Frame] | None:
        """Follow an exposure again whose operation was lost with the link."""
        if self._last is not lost:
            raise Rejected(self.name, lost.command, "another exposure was begun since", self._device.describe())
        return self.take_up()

    def _follow(self, asked: _Exposure, sent_s: float, *, begun: bool) -> Operation[Frame]:
        """Follow an exposure.

        :param begun: whether it is known to have begun: a camera's image may still be the one before
        """
        what, ends_s, old = asked.what, asked.start_s + asked.seconds, False
        self._ends_s, self._length_s = ends_s, asked.seconds

        def check(operation: Operation[Any], status: Status) -> None:
            nonlocal begun, old
            begun = begun or not status["ready"]
            old = old or (status["ready"] and status["time"] < ends_s)
            if status["error"]:
                why = "the camera is in error; its driver's log says why"
                operation.fail(Failed(self.name, what, why, self._device.describe()))
            elif old and not begun and status["time"] >= ends_s:
                why = (
                    "the camera had an image ready all the time: it is of the exposure before, and this one never began"
                )
                operation.fail(Failed(self.name, what, why, self._device.describe()))
            elif status["ready"] and status["time"] >= self._ends_s:  # or it is the image before
                frame = self._fetch(operation, asked, min(asked.seconds, self._ends_s - asked.start_s))
                if frame is not None:
                    operation.finish(frame)
            elif status["activity"] == CameraActivity.IDLE and not status["ready"]:
                operation.abort_with("somebody else stopped the exposure")

        self._last = self._device.follow(what, sent_s, asked.seconds + _READOUT_S, "detector", check)
        return self._last

    def stop_exposure(self) -> None:
        """End the exposure that runs now, and read it out; a driver that can't (CanStopExposure) aborts it."""
        if not self._device.ask("can stop", lambda camera: camera.CanStopExposure):
            super().stop_exposure()
            return
        self._device.order("stop the exposure", lambda camera: camera.StopExposure())
        self._ends_s = min(self._ends_s, self._device.clock.unix_s())

    def set_cooling(self, setpoint: u.Quantity | None) -> None:
        """Cool the detector to ``setpoint``, or switch the cooler off with None.

        A camera that comes back is told again.
        """
        degrees = None if setpoint is None else number_in(setpoint, u.deg_C, u.temperature())

        def tell(camera: Any) -> None:
            if degrees is not None:
                camera.SetCCDTemperature = degrees
            camera.CoolerOn = degrees is not None

        self._device.order(f"set_cooling {setpoint}", tell)
        self._device.keep("cooling", tell)

    def _fetch(self, operation: Operation[Any], asked: _Exposure, took_s: float) -> Frame | None:
        data = self._device.ask(operation.command, lambda _: self._device.wire.image(), _FETCH_S)
        if data.min() < 0 or data.max() > 65535:
            why = f"the image's counts, {data.min()} to {data.max()}, are more than 16 bits hold"
            operation.fail(ProtocolError(self.name, operation.command, why, self._device.describe()))
            return None
        cards = {"CCD-TEMP": (self._device.last_status.get("temperature"), "detector, degrees Celsius")}
        counts = np.ascontiguousarray(data, dtype=np.uint16)
        start = Time(asked.start_s, format="unix", scale="utc")
        return Frame(counts, cards, start, took_s * u.s, asked.kind, asked.filter_name, self.name)

    def _state(self, status: Status) -> CameraState:
        said = self._device.time_of(status)
        left_s = max(self._ends_s - status["time"], 0.0) if status["activity"] == CameraActivity.EXPOSING else 0.0
        runs = status["activity"] != CameraActivity.IDLE
        in_beam, filters = self._beam(said)
        return CameraState(
            activity=Reading(status["activity"], None, said, self.name),
            filter=in_beam,
            filters=filters,
            temperature=Reading(status["temperature"], u.deg_C, said, self.name),
            remaining=Reading(left_s, u.s, said, self.name),
            exposure=Reading(self._length_s, u.s, said, self.name) if self._length_s and runs else None,
        )


def _read(camera: Any) -> Status:
    # In this order: an image that comes between the two questions must not look like an exposure that was stopped.
    state = camera.CameraState
    ready = bool(camera.ImageReady) if state != CameraStates.cameraError else False
    temperature = optional(lambda: camera.CCDTemperature)
    return {
        "activity": _ACTIVITIES.get(state, CameraActivity.IDLE),
        "error": state == CameraStates.cameraError,
        "ready": ready,
        "temperature": float("nan") if temperature is None else float(temperature),
        "limits": (float(camera.ExposureMin), float(camera.ExposureMax)),
    }


def _last_start(camera: Any) -> str:
    """Give what the camera calls its last start; empty if there was none, or it doesn't tell."""
    try:
        return str(camera.LastExposureStartTime)
    except (Rejected, Failed):
        return ""


def _stop(camera: Any) -> None:
    camera.AbortExposure()
