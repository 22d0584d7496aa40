"""Checks that several kinds of device behind INDI share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from instruments.errors import Failed
from instruments.indi.device import IndiDevice
from instruments.indi.order import Order
from instruments.indi.table import Property, View
from instruments.operation import Operation


def arrival(
    device: IndiDevice[Any], order: Order, reached: Callable[[Property], bool]
) -> Callable[[Operation[Any], View], None]:
    """Make the check of a property that is Busy until it is where it was sent.

    :param reached: whether it is there, by value
    """
    name = order.before.name

    def check(operation: Operation[Any], view: View) -> None:
        now = view[name]
        if now.state == "Busy" or now.sets == order.before.sets:
            return
        if reached(now):
            operation.finish(device.make_state(view))
        elif now.state == "Idle":
            operation.abort_with("somebody else stopped it")
        elif now.busy > order.before.busy:
            there = ", ".join(f"{member} {value:g}" for member, value in now.values.items())
            why = f"it says that it arrived, but it is at {there}"
            operation.fail(Failed(device.name, operation.command, why, device.describe()))

    return check
