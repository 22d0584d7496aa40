"""A focuser behind INDI."""

from __future__ import annotations

from astropy import units as u

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.focuser import Focuser, FocuserState
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.simple import arrival
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.reading import Reading

_POSITION, _VALUE, _TEMPERATURE = "ABS_FOCUS_POSITION", "FOCUS_ABSOLUTE_POSITION", "FOCUS_TEMPERATURE"
_MOVE_S = 120.0


class IndiFocuser(CoreInstrument[FocuserState], Focuser):
    """Move a focuser that an INDI driver moves.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[FocuserState] = IndiDevice(
            name,
            where,
            clock,
            needs=(_POSITION,),
            probes=(_POSITION, _TEMPERATURE),
            make_state=self._state,
            stop=(("FOCUS_ABORT_MOTION", "ABORT"),),
        )
        super().__init__(name, address, self._device)

    def move_to(self, position_steps: int) -> Operation[FocuserState]:
        """Move to a position."""

        def reached(seen: Property) -> bool:
            return abs(seen.number(_VALUE) - position_steps) < 1 and seen.state != "Busy"

        what = f"move_to {position_steps}"
        order = self._device.order(what, _POSITION, {_VALUE: float(position_steps)}, reached)
        return self._device.follow(order, _MOVE_S, "focus", arrival(self._device, order, reached))

    def _state(self, view: View) -> FocuserState:
        position, temperature = view[_POSITION], view.get(_TEMPERATURE)
        time = self._device.time_of(position)
        return FocuserState(
            position=Reading(position.number(_VALUE), None, time, self.name),
            moving=Reading(position.state == "Busy", None, time, self.name),
            limits=position.limits[_VALUE],
            temperature=None
            if temperature is None
            else Reading(temperature.number("TEMPERATURE"), u.deg_C, self._device.time_of(temperature), self.name),
        )
