"""A rotator behind INDI."""

from __future__ import annotations

from astropy import units as u

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.simple import arrival
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading
from instruments.rotator import Rotator, RotatorState

_ANGLE = "ABS_ROTATOR_ANGLE"
_TURN_S = 120.0
_TOLERANCE_DEG = 0.2


class IndiRotator(CoreInstrument[RotatorState], Rotator):
    """Turn a rotator that an INDI driver moves.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[RotatorState] = IndiDevice(
            name,
            where,
            clock,
            needs=(_ANGLE,),
            probes=(_ANGLE,),
            make_state=self._state,
            stop=(("ROTATOR_ABORT_MOTION", "ABORT"),),
        )
        super().__init__(name, address, self._device)

    def move_to(self, angle: u.Quantity) -> Operation[RotatorState]:
        """Turn to a position angle."""
        wanted_deg = number_in(angle, u.deg)

        def reached(seen: Property) -> bool:
            off_deg = abs((seen.number("ANGLE") - wanted_deg + 180) % 360 - 180)
            return off_deg <= _TOLERANCE_DEG and seen.state != "Busy"

        order = self._device.order(f"move_to {wanted_deg:.2f}°", _ANGLE, {"ANGLE": wanted_deg}, reached)
        return self._device.follow(order, _TURN_S, "angle", arrival(self._device, order, reached))

    def _state(self, view: View) -> RotatorState:
        angle = view[_ANGLE]
        time = self._device.time_of(angle)
        return RotatorState(
            angle=Reading(angle.number("ANGLE"), u.deg, time, self.name),
            moving=Reading(angle.state == "Busy", None, time, self.name),
        )
