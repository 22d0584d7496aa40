"""A focuser behind a PyROS line."""

from __future__ import annotations

from astropy import units as u

from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.focuser import Focuser, FocuserState
from instruments.operation import Operation
from instruments.pyros.device import Device, Status, time_of
from instruments.pyros.move import go
from instruments.reading import Reading


class PyrosFocuser(CoreInstrument[FocuserState], Focuser):
    """Move a focuser that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/FOCUSER``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: Device[FocuserState] = Device(name, address, clock, self._state)
        super().__init__(name, address, self._device)

    def move_to(self, position_steps: int) -> Operation[FocuserState]:
        """Move to a position."""
        what, last = f"move_to {position_steps}", self._device.last_state
        if last is not None and self._device.connected and not last.limits[0] <= position_steps <= last.limits[1]:
            why = f"{position_steps} lies beyond the focuser's limits of {last.limits[0]:g} to {last.limits[1]:g}"
            raise Rejected(self.name, what, why, self._device.describe())
        upload = self._device.command("SET", "POSITION", float(position_steps))
        return go(self._device, what, upload, self._state, lambda status: status["position"] - position_steps, 1.0)

    def _state(self, status: Status) -> FocuserState:
        time = time_of(status["time"])
        return FocuserState(
            position=Reading(float(status["position"]), None, time, self.name),
            moving=Reading(bool(status["moving"]), None, time, self.name),
            limits=(float(status["min_position"]), float(status["max_position"])),
            temperature=Reading(float(status["temperature"]), u.deg_C, time, self.name),
        )
