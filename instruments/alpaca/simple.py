"""Checks that several kinds of device behind Alpaca share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice
from instruments.errors import Failed
from instruments.operation import Operation


def arrival(
    device: AlpacaDevice[Any], moving: str, off: Callable[[Status], float], tolerance: float, unit: str
) -> Callable[[Operation[Any], Status], None]:
    """Make the check of something that moves until it is where it was sent.

    :param moving: key of the status that tells whether it moves
    :param off: how far it is from where it was sent
    :param tolerance: how far it may be
    """

    def check(operation: Operation[Any], status: Status) -> None:
        if status[moving]:
            return
        left = off(status)
        if abs(left) <= tolerance:
            operation.finish(device.make_state(status))
        else:
            why = f"it stopped {abs(left):g} {unit} short of where it was sent: stopped by somebody, or stuck"
            operation.fail(Failed(device.name, operation.command, why, device.describe()))

    return check


def turn_deg(there: float, wanted: float) -> float:
    """Give how far one azimuth or angle is from another, -180 to 180 degrees."""
    return (there - wanted + 180) % 360 - 180
