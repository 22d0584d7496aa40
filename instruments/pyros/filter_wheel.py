"""A filter wheel behind a PyROS line."""

from __future__ import annotations

from typing import Any

from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.filter_wheel import FilterWheel, FilterWheelState
from instruments.operation import Operation
from instruments.pyros.device import Device, Status, time_of
from instruments.reading import Reading


class PyrosFilterWheel(CoreInstrument[FilterWheelState], FilterWheel):
    """Turn a filter wheel that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/FILTER_WHEEL``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: Device[FilterWheelState] = Device(name, address, clock, self._state)
        super().__init__(name, address, self._device)

    def set_filter(self, name: str) -> Operation[FilterWheelState]:
        """Bring the filter ``name`` into the beam."""
        what, last = f"set_filter {name}", self._device.last_state
        if last is not None and self._device.connected and name not in last.filters:
            why = f"there is no such filter; there are: {', '.join(last.filters)}"
            raise Rejected(self.name, what, why, self._device.describe())
        with self._device.poller.held():
            accepted = self._device.upload_and_do(self._device.command("SET", "FILTER", name), "FILTER")
        operation: Operation[Any] = Operation(
            self.name, what, float(accepted.values["eta"]), on_cancel=lambda: self.abort(f"{what} was cancelled")
        )

        def check(status: Status) -> None:
            if status["moving"]:
                return
            if status["filter"] == name:
                operation.finish(self._state(status))
            else:
                operation.abort_with(f"somebody else stopped the wheel: {status['filter']} is in the beam")

        operation.sent_monotonic_s = accepted.sent_monotonic_s
        self._device.poller.follow(operation, check, "wheel", accepted.sent_monotonic_s)
        return operation

    def _state(self, status: Status) -> FilterWheelState:
        time = time_of(status["time"])
        return FilterWheelState(
            filter=Reading(str(status["filter"]), None, time, self.name),
            filters=tuple(status["filters"]),
            moving=Reading(bool(status["moving"]), None, time, self.name),
        )
