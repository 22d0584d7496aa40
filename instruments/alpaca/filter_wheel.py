"""A filter wheel behind Alpaca."""

from __future__ import annotations

from typing import Any

from alpaca.filterwheel import FilterWheel as AscomFilterWheel

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, parse
from instruments.alpaca.simple import arrival
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.filter_wheel import FilterWheel, FilterWheelState
from instruments.operation import Operation
from instruments.reading import Reading

_TURN_S = 30.0
_MOVING = -1


class AlpacaFilterWheel(CoreInstrument[FilterWheelState], FilterWheel):
    """Turn a filter wheel that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/filterwheel/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[FilterWheelState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "filterwheel",
            make=AscomFilterWheel,
            read=_read,
            make_state=self._state,
        )
        super().__init__(name, address, self._device)

    def set_filter(self, name: str) -> Operation[FilterWheelState]:
        """Bring the filter ``name`` into the beam."""
        what = f"set_filter {name}"
        names: list[str] = self._device.last_status.get("names", [])
        if self._device.connected and name not in names:
            why = f"there is no such filter; there are: {', '.join(names)}"
            raise Rejected(self.name, what, why, self._device.describe())
        sent_s = self._device.order(what, lambda wheel: setattr(wheel, "Position", names.index(name)))
        slot = names.index(name)
        check = arrival(self._device, "moving", lambda status: float(status["slot"] - slot), 0.0, "slots")
        return self._device.follow(what, sent_s, _TURN_S, "wheel", check)

    def _state(self, status: Status) -> FilterWheelState:
        time, slot, names = self._device.time_of(status), status["slot"], status["names"]
        there = names[slot] if 0 <= slot < len(names) else ""
        return FilterWheelState(
            filter=Reading(there, None, time, self.name),
            filters=tuple(names),
            moving=Reading(status["moving"], None, time, self.name),
        )


def _read(wheel: Any) -> Status:
    slot = int(wheel.Position)
    return {"slot": slot, "moving": slot == _MOVING, "names": [str(name) for name in wheel.Names]}
