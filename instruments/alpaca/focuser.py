"""A focuser behind Alpaca."""

from __future__ import annotations

from typing import Any

from alpaca.focuser import Focuser as AscomFocuser
from astropy import units as u

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, optional, parse
from instruments.alpaca.simple import arrival
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Rejected
from instruments.focuser import Focuser, FocuserState
from instruments.operation import Operation
from instruments.reading import Reading

_MOVE_S = 120.0


class AlpacaFocuser(CoreInstrument[FocuserState], Focuser):
    """Move a focuser that speaks ASCOM Alpaca, and knows its position.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/focuser/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[FocuserState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "focuser",
            make=AscomFocuser,
            read=_read,
            make_state=self._state,
            stop=lambda focuser: focuser.Halt(),
        )
        super().__init__(name, address, self._device)

    def move_to(self, position_steps: int) -> Operation[FocuserState]:
        """Move to a position."""
        what = f"move_to {position_steps}"
        high = self._device.last_status.get("limit", 0)
        if self._device.connected and not 0 <= position_steps <= high:
            why = f"{position_steps} lies beyond the focuser's limits of 0 to {high}"
            raise Rejected(self.name, what, why, self._device.describe())
        sent_s = self._device.order(what, lambda focuser: focuser.Move(position_steps))
        check = arrival(self._device, "moving", lambda status: status["position"] - position_steps, 1.0, "steps")
        return self._device.follow(what, sent_s, _MOVE_S, "focus", check)

    def _state(self, status: Status) -> FocuserState:
        time, degrees = self._device.time_of(status), status["temperature"]
        return FocuserState(
            position=Reading(float(status["position"]), None, time, self.name),
            moving=Reading(status["moving"], None, time, self.name),
            limits=(0.0, float(status["limit"])),
            temperature=None if degrees is None else Reading(float(degrees), u.deg_C, time, self.name),
        )


def _read(focuser: Any) -> Status:
    return {
        "moving": bool(focuser.IsMoving),
        "position": int(focuser.Position),
        "limit": int(focuser.MaxStep),
        "temperature": optional(lambda: focuser.Temperature),
    }
