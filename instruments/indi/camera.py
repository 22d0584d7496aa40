"""A camera behind INDI."""

from __future__ import annotations

import base64
import binascii
import time
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from astropy import units as u
from astropy.time import Time

from instruments.address import parse_address
from instruments.camera import CameraActivity, CameraState, Frame, FrameKind
from instruments.clock import Clock
from instruments.errors import Failed, ProtocolError, Rejected
from instruments.fitsdata import read_fits
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.filter_wheel import IndiFilterWheel
from instruments.indi.order import Order
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading
from instruments.wheeled_camera import WheeledCamera

_EXPOSURE, _SECONDS, _IMAGE = "CCD_EXPOSURE", "CCD_EXPOSURE_VALUE", "CCD1"
_KIND, _COLD, _DEGREES = "CCD_FRAME_TYPE", "CCD_TEMPERATURE", "CCD_TEMPERATURE_VALUE"
_KINDS = {
    FrameKind.LIGHT: "FRAME_LIGHT",
    FrameKind.BIAS: "FRAME_BIAS",
    FrameKind.DARK: "FRAME_DARK",
    FrameKind.FLAT: "FRAME_FLAT",
}
_READOUT_S = 20.0
_LATE_REAL_S = 1.5  # so long after its Ok an image may still be on its way
_OWN = "own"


@dataclass(frozen=True, slots=True)
class _Exposure:
    """An exposure that was commanded."""

    what: str
    start_s: float
    seconds: float
    kind: FrameKind
    filter_name: str


class IndiCamera(WheeledCamera):
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
        self._device.keep("upload", ("UPLOAD_MODE", {"UPLOAD_CLIENT": True}))
        wheel: IndiFilterWheel | None = None
        if given := where.options.get("wheel"):
            device = where.device if given == _OWN else given
            wheel = IndiFilterWheel(name, f"indi://{where.host}:{where.port}/{quote(device)}", clock)
        super().__init__(name, address, self._device, wheel, "?wheel=Device Name")
        self._asked: _Exposure | None = None  # the last one that was commanded
        self._last: Operation[Frame] | None = None
        self._length_s: float | None = None  # of the last one that is known to have begun

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        """Take one frame; the operation's result is the frame."""
        seconds, kind, self._asked = number_in(exposure_time, u.s), FrameKind(kind), None
        what = f"expose {seconds:g} s {kind}"
        if self._device.property(what, _EXPOSURE).state == "Busy":
            raise Rejected(self.name, what, "the camera is exposing already", self._device.describe())
        # The shortest a camera can is what it calls a bias.
        shortest = self._device.property(what, _EXPOSURE).limits[_SECONDS][0]
        seconds = max(seconds, shortest) if kind is FrameKind.BIAS else seconds
        self._device.take_blob(_IMAGE)
        filter_name = str(self._beam(self._device.clock.now())[0].value)
        asked = self._asked = _Exposure(what, self._device.clock.unix_s(), seconds, kind, filter_name)
        order = self._device.order(
            what,
            _EXPOSURE,
            {_SECONDS: seconds},
            lambda seen: seen.state == "Ok" and seen.busy > 0,
            first=((_KIND, {_KINDS[kind]: True}),),
        )
        return self._follow(order, asked)

    def take_up(self) -> Operation[Frame] | None:
        """Follow the exposure that was commanded last, though the link was cut before the command was answered.

        One that ended meanwhile can't be told from one that never began: an INDI server keeps no image for who is away.
        """
        asked = self._asked
        order = None if asked is None else self._device.under_way(asked.what, _EXPOSURE)
        return None if asked is None or order is None else self._follow(order, asked)

    def pick_up(self, lost: Operation[Frame]) -> Operation[Frame] | None:
        """Follow an exposure again whose operation was lost with the link."""
        if self._last is not lost:
            raise Rejected(self.name, lost.command, "another exposure was begun since", self._device.describe())
        return self.take_up()

    def _follow(self, order: Order, asked: _Exposure) -> Operation[Frame]:
        late: list[float] = []
        self._length_s = asked.seconds

        def check(operation: Operation[Any], view: View) -> None:
            if view[_IMAGE].blob is not None:
                self._finish(operation, asked)
            elif _over(view[_EXPOSURE], order):
                late.append(time.monotonic())
                if view[_EXPOSURE].state == "Idle":
                    operation.abort_with("somebody else stopped the exposure")
                elif late[-1] - late[0] > _LATE_REAL_S:
                    why = f"the driver says that it is done, but sent no image within {_LATE_REAL_S:g} s"
                    operation.fail(Failed(self.name, asked.what, why, self._device.describe()))

        self._last = self._device.follow(order, asked.seconds + _READOUT_S, "detector", check)
        return self._last

    def set_cooling(self, setpoint: u.Quantity | None) -> None:
        """Cool the detector to ``setpoint``, or switch the cooler off with None.

        A camera that comes back is told again.
        """
        if setpoint is None:
            off = ("CCD_COOLER", {"COOLER_OFF": True})
            self._device.order("set_cooling off", *off, lambda seen: seen.on("COOLER_OFF"))
            self._device.keep("cooling", off)
            return
        degrees = number_in(setpoint, u.deg_C, u.temperature())
        cold = (_COLD, {_DEGREES: degrees})
        self._device.order(
            f"set_cooling {degrees:g} °C", *cold, lambda seen: abs(seen.number(_DEGREES) - degrees) < 0.5
        )
        self._device.keep("cooling", cold)

    def _finish(self, operation: Operation[Any], asked: _Exposure) -> None:
        blob = self._device.take_blob(_IMAGE)
        if blob is None:
            return
        try:
            data, header = read_fits(_payload(*blob))
        except (OSError, ValueError, TypeError, IndexError, zlib.error) as error:
            broken = f"the image is not the FITS file it should be ({error})"
            operation.fail(ProtocolError(self.name, operation.command, broken, self._device.describe()))
            return
        start, took = Time(asked.start_s, format="unix", scale="utc"), asked.seconds * u.s
        operation.finish(Frame(data, header, start, took, asked.kind, asked.filter_name, self.name))

    def _state(self, view: View) -> CameraState:
        exposure, cold = view[_EXPOSURE], view.get(_COLD)
        said = self._device.time_of(exposure)
        busy = exposure.state == "Busy"
        activity = CameraActivity.IDLE if not busy else CameraActivity.EXPOSING
        if busy and exposure.number(_SECONDS) <= 0:
            activity = CameraActivity.READING
        in_beam, filters = self._beam(said)
        degrees = float("nan") if cold is None else cold.number(_DEGREES)
        return CameraState(
            activity=Reading(activity, None, said, self.name),
            filter=in_beam,
            filters=filters,
            temperature=Reading(degrees, u.deg_C, said if cold is None else self._device.time_of(cold), self.name),
            remaining=Reading(exposure.number(_SECONDS) if busy else 0.0, u.s, said, self.name),
            exposure=Reading(self._length_s, u.s, said, self.name) if self._length_s and busy else None,
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
