"""Moves of a device behind a PyROS line that goes to a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from instruments.operation import Operation
from instruments.pyros.device import Device, Status
from instruments.pyros.line import Command


def go(
    device: Device[Any],
    what: str,
    upload: Command,
    make_state: Callable[[Status], Any],
    off: Callable[[Status], float],
    tolerance: float,
) -> Operation[Any]:
    """Upload where to go, go there, and follow that.

    :param off: how far it is from there
    :param tolerance: how far it may be
    :raises InstrumentError: if the device did not take it
    """
    with device.poller.held():
        accepted = device.upload_and_do(upload, "GOTO")
    operation: Operation[Any] = Operation(
        device.name, what, float(accepted.values["eta"]), on_cancel=lambda: device.abort(f"{what} was cancelled")
    )

    def check(status: Status) -> None:
        if status["moving"]:
            return
        left = off(status)
        if abs(left) <= tolerance:
            operation.finish(make_state(status))
        else:
            operation.abort_with(f"it stopped {abs(left):g} short of where it was sent")

    operation.sent_monotonic_s = accepted.sent_monotonic_s
    device.poller.follow(operation, check, "move", accepted.sent_monotonic_s)
    return operation
