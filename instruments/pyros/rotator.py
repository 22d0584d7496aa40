"""A rotator behind a PyROS line."""

from __future__ import annotations

from astropy import units as u

from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.operation import Operation
from instruments.pyros.device import Device, Status, time_of
from instruments.pyros.move import go
from instruments.quantity import number_in
from instruments.reading import Reading
from instruments.rotator import Rotator, RotatorState

_TOLERANCE_DEG = 0.2


class PyrosRotator(CoreInstrument[RotatorState], Rotator):
    """Turn a rotator that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/ROTATOR``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: Device[RotatorState] = Device(name, address, clock, self._state)
        super().__init__(name, address, self._device)

    def move_to(self, angle: u.Quantity) -> Operation[RotatorState]:
        """Turn to a position angle."""
        wanted_deg = number_in(angle, u.deg)
        upload = self._device.command("SET", "ANGLE", wanted_deg)

        def off(status: Status) -> float:
            return (float(status["angle"]) - wanted_deg + 180) % 360 - 180

        return go(self._device, f"move_to {wanted_deg:.2f}°", upload, self._state, off, _TOLERANCE_DEG)

    def _state(self, status: Status) -> RotatorState:
        time = time_of(status["time"])
        return RotatorState(
            angle=Reading(float(status["angle"]), u.deg, time, self.name),
            moving=Reading(bool(status["moving"]), None, time, self.name),
        )
