"""A rotator behind Alpaca."""

from __future__ import annotations

from typing import Any

from alpaca.rotator import Rotator as AscomRotator
from astropy import units as u

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, parse
from instruments.alpaca.simple import arrival, turn_deg
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading
from instruments.rotator import Rotator, RotatorState

_TURN_S = 120.0
_TOLERANCE_DEG = 0.2


class AlpacaRotator(CoreInstrument[RotatorState], Rotator):
    """Turn a rotator that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/rotator/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[RotatorState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "rotator",
            make=AscomRotator,
            read=_read,
            make_state=self._state,
            stop=lambda rotator: rotator.Halt(),
        )
        super().__init__(name, address, self._device)

    def move_to(self, angle: u.Quantity) -> Operation[RotatorState]:
        """Turn to a position angle."""
        wanted_deg = number_in(angle, u.deg)
        what = f"move_to {wanted_deg:.2f}°"
        if not 0 <= wanted_deg < 360:
            why = f"{wanted_deg:g}° lies beyond the rotator's limits of 0° to 360°"
            raise Rejected(self.name, what, why, self._device.describe())
        sent_s = self._device.order(what, lambda rotator: rotator.MoveAbsolute(wanted_deg))
        check = arrival(
            self._device, "moving", lambda status: turn_deg(status["angle_deg"], wanted_deg), _TOLERANCE_DEG, "degrees"
        )
        return self._device.follow(what, sent_s, _TURN_S, "angle", check)

    def _state(self, status: Status) -> RotatorState:
        time = self._device.time_of(status)
        return RotatorState(
            angle=Reading(status["angle_deg"], u.deg, time, self.name),
            moving=Reading(status["moving"], None, time, self.name),
        )


def _read(rotator: Any) -> Status:
    return {"moving": bool(rotator.IsMoving), "angle_deg": float(rotator.Position)}
