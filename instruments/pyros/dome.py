"""A dome behind a PyROS line."""

from __future__ import annotations

from functools import partial
from typing import Any

from astropy import units as u

from instruments.clock import Clock
from instruments.dome import Dome, DomeState, Shutter
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.pyros.device import Device, Status, time_of
from instruments.quantity import number_in
from instruments.reading import Reading

_SHUTTER, _SLIT = "shutter", "slit"
_TOLERANCE_DEG = 1.0


class PyrosDome(Dome):
    """Open, close and turn a dome that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/DOME``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        super().__init__(name, address)
        self._device = Device(name, address, clock, partial(_state, name))

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._device.connected

    @property
    def last_state(self) -> DomeState | None:
        """The last state that was read."""
        return self._device.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once."""
        self._device.connect(timeout_s)

    def state(self, timeout_s: float = DEADLINE_S) -> DomeState:
        """Read the state from the device."""
        return self._device.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop shutter and rotation where they are."""
        self._device.abort(reason)

    def disconnect(self) -> None:
        """Give the link back."""
        self._device.disconnect()

    def open(self) -> Operation[DomeState]:
        """Open the shutter; done when its limit switch says so."""
        return self._move_shutter("OPEN", Shutter.OPEN, Shutter.OPENING)

    def close(self) -> Operation[DomeState]:
        """Close the shutter; always sent, done when its limit switch says so."""
        return self._move_shutter("CLOSE", Shutter.CLOSED, Shutter.CLOSING)

    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        """Turn the slit to ``azimuth`` (from north through east)."""
        wanted_deg = number_in(azimuth, u.deg)
        upload = self._device.command("SET", "AZIMUTH", wanted_deg)
        with self._device.poller.held():
            accepted = self._device.upload_and_do(upload, "GOTO")
            operation = self._operation(f"move_to {wanted_deg:.1f}°", float(accepted.values["eta"]))
            operation.sent_monotonic_s = accepted.sent_monotonic_s
            check = partial(self._check_slit, operation, wanted_deg)
            self._device.poller.follow(operation, check, _SLIT, accepted.sent_monotonic_s)
        return operation

    def _move_shutter(self, do: str, end: Shutter, way: Shutter) -> Operation[DomeState]:
        with self._device.poller.held():
            accepted = self._device.do(do)
            operation = self._operation(do.lower(), float(accepted.values["eta"]))
            operation.sent_monotonic_s = accepted.sent_monotonic_s
            check = partial(self._check_shutter, operation, end, way)
            self._device.poller.follow(operation, check, _SHUTTER, accepted.sent_monotonic_s)
        return operation

    def _operation(self, what: str, eta_s: float) -> Operation[Any]:
        return Operation(self.name, what, eta_s, on_cancel=lambda: self.abort(f"{what} was cancelled"))

    def _check_shutter(self, operation: Operation[Any], end: Shutter, way: Shutter, status: Status) -> None:
        if status["shutter"] == way:
            return
        if status["shutter"] == end and status["closed_switch" if end is Shutter.CLOSED else "open_switch"]:
            operation.finish(_state(self.name, status))
        else:
            operation.abort_with(f"somebody else moved the shutter: it is {status['shutter']}")

    def _check_slit(self, operation: Operation[Any], wanted_deg: float, status: Status) -> None:
        if status["moving"]:
            return
        off_deg = abs((status["azimuth"] - wanted_deg + 180) % 360 - 180)
        if off_deg <= _TOLERANCE_DEG:
            operation.finish(_state(self.name, status))
        else:
            operation.abort_with(f"the dome stopped {off_deg:.1f}° short of its azimuth")


def _state(name: str, status: Status) -> DomeState:
    time = time_of(status["time"])
    return DomeState(
        shutter=Reading(Shutter(status["shutter"]), None, time, name),
        azimuth=Reading(float(status["azimuth"]), u.deg, time, name),
        moving=Reading(bool(status["moving"]), None, time, name),
    )
