"""A dome behind INDI."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.dome import Dome, DomeState, Shutter
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.simple import arrival
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading

_SHUTTER, _AZIMUTH, _DEGREES = "DOME_SHUTTER", "ABS_DOME_POSITION", "DOME_ABSOLUTE_POSITION"
_SHUTTER_S, _TURN_S = 90.0, 120.0
_TOLERANCE_DEG = 1.5


class IndiDome(CoreInstrument[DomeState], Dome):
    """Open, close and turn a dome that an INDI driver moves.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[DomeState] = IndiDevice(
            name,
            where,
            clock,
            needs=(_SHUTTER,),
            probes=(_SHUTTER, _AZIMUTH),
            make_state=self._state,
            stop=(("DOME_ABORT_MOTION", "ABORT"),),
        )
        super().__init__(name, address, self._device)

    def open(self) -> Operation[DomeState]:
        """Open the shutter."""
        return self._move_shutter("open", "SHUTTER_OPEN", Shutter.OPEN)

    def close(self) -> Operation[DomeState]:
        """Close the shutter; always sent."""
        return self._move_shutter("close", "SHUTTER_CLOSE", Shutter.CLOSED)

    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        """Turn the slit to ``azimuth`` (from north through east)."""
        wanted_deg = number_in(azimuth, u.deg) % 360.0

        def reached(seen: Property) -> bool:
            off_deg = abs((seen.number(_DEGREES) - wanted_deg + 180) % 360 - 180)
            return off_deg <= _TOLERANCE_DEG and seen.state != "Busy"

        order = self._device.order(f"move_to {wanted_deg:.1f}°", _AZIMUTH, {_DEGREES: wanted_deg}, reached)
        return self._device.follow(order, _TURN_S, "slit", arrival(self._device, order, reached))

    def _move_shutter(self, what: str, member: str, end: Shutter) -> Operation[DomeState]:
        def reached(seen: Property) -> bool:
            return _shutter(seen) is end

        order = self._device.order(what, _SHUTTER, {member: True}, reached)

        def check(operation: Operation[Any], view: View) -> None:
            shutter = view[_SHUTTER]
            if shutter.state == "Busy" and shutter.on(member):
                return
            if reached(shutter):
                operation.finish(self._state(view))
            elif shutter.sets > order.before.sets:
                operation.abort_with(f"somebody else moved the shutter: it is {_shutter(shutter)}")

        return self._device.follow(order, _SHUTTER_S, "shutter", check)

    def _state(self, view: View) -> DomeState:
        shutter, azimuth = view[_SHUTTER], view.get(_AZIMUTH)
        time = self._device.time_of(shutter)
        turned_s = time if azimuth is None else self._device.time_of(azimuth)
        degrees = 0.0 if azimuth is None else azimuth.number(_DEGREES)  # a roof has no slit to turn
        return DomeState(
            shutter=Reading(_shutter(shutter), None, time, self.name),
            azimuth=Reading(degrees, u.deg, turned_s, self.name),
            moving=Reading(azimuth is not None and azimuth.state == "Busy", None, turned_s, self.name),
        )


def _shutter(seen: Property) -> Shutter:
    opens, closes = seen.on("SHUTTER_OPEN"), seen.on("SHUTTER_CLOSE")
    if seen.state == "Busy":
        return Shutter.OPENING if opens else Shutter.CLOSING
    if seen.state == "Alert" or opens == closes:
        return Shutter.UNKNOWN
    return Shutter.OPEN if opens else Shutter.CLOSED
