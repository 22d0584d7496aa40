"""A camera behind INDI."""

from __future__ import annotations

import base64
import binascii
import time
import zlib
from typing import Any
from urllib.parse import quote

from astropy import units as u
from astropy.time import Time

from instruments.address import parse_address
from instruments.camera import Camera, CameraActivity, CameraState, Frame, FrameKind
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Failed, ProtocolError, Rejected
from instruments.fitsdata import read_fits
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.filter_wheel import IndiFilterWheel
from instruments.indi.order import Order
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.reading import Reading

_EXPOSURE, _SECONDS, _IMAGE = "CCD_EXPOSURE", "CCD_EXPOSURE_VALUE", "CCD1"
_KIND, _COLD, _DEGREES = "CCD_FRAME_TYPE", "CCD_TEMPERATURE", "CCD_TEMPERATURE_VALUE"
_KINDS = {
    FrameKind.LIGHT: "FRAME_LIGHT",
    FrameKind.BIAS: "FRAME_BIAS",
    FrameKind.DARK: "FRAME_DARK",
    FrameKind.FLAT: "FRAME_FLAT",
}
_READOUT_S = 20.0
_LATE_REAL_S = 5.0  # so long after its Ok an image may still be on its way
_OWN = "own"


class IndiCamera(CoreInstrument[CameraState], Camera):
    """Take images with a camera that an INDI driver runs.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``; ``?wheel=Device Name`` names the filter wheel before it,
        ``?wheel=own`` the camera's own; without it, the camera has no filters
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT, ("wheel",))
        self._device: IndiDevice[CameraState] = IndiDevice(
            name,
            where,
            clock,
            needs=(_EXPOSURE, _IMAGE, _KIND),
            probes=(_EXPOSURE, _COLD),
            make_state=self._state,
            stop=(("CCD_ABORT_EXPOSURE", "ABORT"),),
            blobs=True,
        )
        super().__init__(name, address, self._device)
        self._device.keep("upload", ("UPLOAD_MODE", {"UPLOAD_CLIENT": True}))
        self._wheel: IndiFilterWheel | None = None
        if wheel := where.options.get("wheel"):
            device = where.device if wheel == _OWN else wheel
            self._wheel = IndiFilterWheel(name, f"indi://{where.host}:{where.port}/{quote(device)}", clock)

    @property
    def connected(self) -> bool:
        """Whether the links to the camera and its wheel stand now."""
        return super().connected and (self._wheel is None or self._wheel.connected)

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect to the camera and its wheel, and read the state once."""
        if self._wheel is not None:
            self._wheel.connect(timeout_s)
        super().connect(timeout_s)

    def state(self, timeout_s: float = 2.0) -> CameraState:
        """Read the state from camera and wheel."""
        if self._wheel is not None:
            self._wheel.state(timeout_s)
        return super().state(timeout_s)

    def disconnect(self) -> None:
        """Give the links back."""
        super().disconnect()
        if self._wheel is not None:
            self._wheel.disconnect()

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        """Take one frame; the operation's result is the frame."""
        seconds, kind = float(exposure_time.to_value(u.s)), FrameKind(kind)
        what = f"expose {seconds:g} s {kind}"
        if self._device.property(what, _EXPOSURE).state == "Busy":
            raise Rejected(self.name, what, "the camera is exposing already", self._device.describe())
        # The shortest a camera can is what it calls a bias.
        shortest = self._device.property(what, _EXPOSURE).limits[_SECONDS][0]
        seconds = max(seconds, shortest) if kind is FrameKind.BIAS else seconds
        self._device.take_blob(_IMAGE)
        start_s = self._device.clock.unix_s()
        order = self._device.order(
            what,
            _EXPOSURE,
            {_SECONDS: seconds},
            lambda seen: seen.state == "Ok" and seen.busy > 0,
            first=((_KIND, {_KINDS[kind]: True}),),
        )
        filter_name = self._filter()
        late: list[float] = []

        def check(operation: Operation[Any], view: View) -> None:
            if view[_IMAGE].blob is not None:
                self._finish(operation, start_s, seconds, kind, filter_name)
            elif _over(view[_EXPOSURE], order):
                late.append(time.monotonic())
                if view[_EXPOSURE].state == "Idle":
                    operation.abort_with("somebody else stopped the exposure")
                elif late[-1] - late[0] > _LATE_REAL_S:
                    why = f"the driver says that it is done, but sent no image within {_LATE_REAL_S:g} s"
                    operation.fail(Failed(self.name, what, why, self._device.describe()))

        return self._device.follow(order, seconds + _READOUT_S, "detector", check)

    def set_filter(self, name: str) -> Operation[CameraState]:
        """Bring the filter ``name`` into the beam."""
        what = f"set_filter {name}"
        if self._wheel is None:
            why = "the camera has no filter wheel; its address may name one: ?wheel=Device Name"
            raise Rejected(self.name, what, why, self._device.describe())
        turning = self._wheel.set_filter(name)
        operation: Operation[CameraState] = Operation(self.name, what, turning.eta_s)
        operation.sent_monotonic_s = turning.sent_monotonic_s
        turning.add_done_callback(lambda ended: ended.pass_on(operation, lambda _: self._state(self._device.view)))
        return operation

    def set_cooling(self, setpoint: u.Quantity | None) -> None:
        """Cool the detector to ``setpoint``, or switch the cooler off with None.

        A camera that comes back is told again.
        """
        if setpoint is None:
            off = ("CCD_COOLER", {"COOLER_OFF": True})
            self._device.order("set_cooling off", *off, lambda seen: seen.on("COOLER_OFF"))
            self._device.keep("cooling", off)
            return
        degrees = float(setpoint.to_value(u.deg_C, u.temperature()))
        cold = (_COLD, {_DEGREES: degrees})
        self._device.order(
            f"set_cooling {degrees:g} °C", *cold, lambda seen: abs(seen.number(_DEGREES) - degrees) < 0.5
        )
        self._device.keep("cooling", cold)

    def _finish(
        self, operation: Operation[Any], start_s: float, seconds: float, kind: FrameKind, filter_name: str
    ) -> None:
        blob = self._device.take_blob(_IMAGE)
        if blob is None:
            return
        try:
            data, header = read_fits(_payload(*blob))
        except (OSError, ValueError, TypeError, IndexError, zlib.error) as error:
            broken = f"the image is not the FITS file it should be ({error})"
            operation.fail(ProtocolError(self.name, operation.command, broken, self._device.describe()))
            return
        start = Time(start_s, format="unix", scale="utc")
        operation.finish(Frame(data, header, start, seconds * u.s, kind, filter_name, self.name))

    def _filter(self) -> str:
        seen = None if self._wheel is None else self._wheel.seen
        return "" if seen is None else seen.filter.value

    def _state(self, view: View) -> CameraState:
        exposure, cold = view[_EXPOSURE], view.get(_COLD)
        said = self._device.time_of(exposure)
        busy = exposure.state == "Busy"
        activity = CameraActivity.IDLE if not busy else CameraActivity.EXPOSING
        if busy and exposure.number(_SECONDS) <= 0:
            activity = CameraActivity.READING
        wheel = None if self._wheel is None else self._wheel.seen
        degrees = float("nan") if cold is None else cold.number(_DEGREES)
        return CameraState(
            activity=Reading(activity, None, said, self.name),
            filter=Reading("", None, said, self.name) if wheel is None else wheel.filter,
            filters=() if wheel is None else wheel.filters,
            temperature=Reading(degrees, u.deg_C, said if cold is None else self._device.time_of(cold), self.name),
            remaining=Reading(exposure.number(_SECONDS) if busy else 0.0, u.s, said, self.name),
        )


def _over(exposure: Property, order: Order) -> bool:
    return exposure.state != "Busy" and exposure.sets > order.before.sets


def _payload(text: str, form: str, length: int) -> bytes:
    try:
        payload = base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from None
    # A driver sends its whole buffer; only so much of it is the file.
    payload = payload[:length] if 0 < length < len(payload) else payload
    return zlib.decompress(payload) if form.endswith(".z") else payload
