"""A filter wheel behind INDI: one of its own, or the one in a camera."""

from __future__ import annotations

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.filter_wheel import FilterWheel, FilterWheelState
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.simple import arrival
from instruments.indi.table import Property, View
from instruments.operation import Operation
from instruments.reading import Reading

SLOT, NAMES = "FILTER_SLOT", "FILTER_NAME"
_VALUE = "FILTER_SLOT_VALUE"
_TURN_S = 30.0


class IndiFilterWheel(CoreInstrument[FilterWheelState], FilterWheel):
    """Turn a filter wheel that an INDI driver moves.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[FilterWheelState] = IndiDevice(
            name, where, clock, needs=(SLOT, NAMES), probes=(SLOT, NAMES), make_state=self._state
        )
        super().__init__(name, address, self._device)

    @property
    def last_state(self) -> FilterWheelState | None:
        """The state as the driver last told it, asked or not."""
        view = self._device.view
        return self._state(view) if SLOT in view and NAMES in view else None

    def set_filter(self, name: str) -> Operation[FilterWheelState]:
        """Bring the filter ``name`` into the beam."""
        what = f"set_filter {name}"
        names = _names(self._device.property(what, NAMES))
        if name not in names:
            why = f"there is no such filter; there are: {', '.join(names)}"
            raise Rejected(self.name, what, why, self._device.describe())
        slot = names.index(name) + 1

        def reached(seen: Property) -> bool:
            return seen.number(_VALUE) == slot and seen.state != "Busy"

        order = self._device.order(what, SLOT, {_VALUE: float(slot)}, reached)
        return self._device.follow(order, _TURN_S, "wheel", arrival(self._device, order, reached))

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop following: INDI knows no way to stop a wheel, which arrives."""
        super().abort(reason)

    def _state(self, view: View) -> FilterWheelState:
        slot, names = view[SLOT], _names(view[NAMES])
        number, time = int(slot.number(_VALUE)), self._device.time_of(slot)
        there = names[number - 1] if 1 <= number <= len(names) else ""
        return FilterWheelState(
            filter=Reading(there, None, time, self.name),
            filters=names,
            moving=Reading(slot.state == "Busy", None, time, self.name),
        )


def _names(names: Property) -> tuple[str, ...]:
    return tuple(str(value) for value in names.values.values())
