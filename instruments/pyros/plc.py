"""A PLC behind a PyROS line."""

from __future__ import annotations

from functools import partial
from typing import Any

from astropy import units as u

from instruments.clock import Clock
from instruments.instrument import DEADLINE_S
from instruments.plc import Plc, PlcState
from instruments.pyros.device import Device, Status, time_of
from instruments.reading import Reading

_UNITS: dict[str, u.UnitBase] = {
    "temperature": u.deg_C,
    "humidity": u.percent,
    "pressure": u.hPa,
    "wind_speed": u.m / u.s,
    "wind_gust": u.m / u.s,
    "cloud": u.percent,
}
_CONTACTS = ("rain", "mains", "emergency_stop")


class PyrosPlc(Plc):
    """Read the weather and contacts of a PLC that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/PLC``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        super().__init__(name, address)
        self._device = Device(name, address, clock, partial(_state, name), get="WEATHER")

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._device.connected

    @property
    def last_state(self) -> PlcState | None:
        """The last state that was read."""
        return self._device.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once."""
        self._device.connect(timeout_s)

    def state(self, timeout_s: float = DEADLINE_S) -> PlcState:
        """Read the state from the device."""
        return self._device.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Do nothing: a PLC's reading moves nothing."""

    def disconnect(self) -> None:
        """Give the link back."""
        self._device.disconnect()


def _state(name: str, status: Status) -> PlcState:
    readings: dict[str, Any] = {}
    for key in (*_UNITS, *_CONTACTS):
        value, time = status[key]["value"], time_of(status[key]["time"])
        if key in _UNITS:
            readings[key] = Reading(float(value), _UNITS[key], time, name)
        else:
            readings[key] = Reading(bool(value), None, time, name)
    return PlcState(**readings)
