"""A command to an INDI driver: written whole, sent, and taken, refused or passed over in silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from instruments.indi.element import write_vector
from instruments.indi.session import Session
from instruments.indi.table import Property, Value

_WARNED_S = 0.5  # so long after a warning a driver may still begin what it was told
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Order:
    """A command that a driver took.

    :param before: the property as it was when the command was sent
    :param count: the table's number of messages then
    """

    what: str
    before: Property
    count: int
    sent_monotonic_s: float


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A command that a driver did not take.

    :param refused: whether it said so; nobody knows what became of the command otherwise
    :param why: in words
    """

    refused: bool
    why: str


def place(
    session: Session,
    what: str,
    name: str,
    data: bytes,
    reached: Callable[[Property], bool],
    timeout_s: float,
) -> Order | NotTaken:
    """Send a command, and wait until the driver has taken or refused it.

    INDI has no request ids, and a driver has three ways to refuse: an alert with a message, a warning without motion,
    and nothing at all.  A message that it sends now and then may cross the command, so only Busy, an alert, or the
    wanted value count as an answer.

    :param what: the command in words
    :param name: the property whose answer counts
    :param data: what to send
    :param reached: whether the property is already as it shall be
    """
    table = session.table
    before, count = table.view()[name], table.count
    sent = session.link.send(data)
    order = Order(what, before, count, time.monotonic())
    end, warned_s = order.sent_monotonic_s + timeout_s, 0.0
    while sent and time.monotonic() < end:
        session.wait(lambda view: _answered(view.get(name), before, reached), _LOOK_S)
        now = table.view().get(name)
        if not session.up or now is None:
            break
        if now.alerts > before.alerts:
            return NotTaken(True, table.warnings_since(count) or f"{name} is in alert")
        if _answered(now, before, reached):
            return order
        if warned := table.warnings_since(count):
            warned_s = warned_s or time.monotonic()
            if time.monotonic() - warned_s > _WARNED_S:
                return NotTaken(True, warned)
    return NotTaken(False, f"the driver neither took nor refused it within {timeout_s:g} s")


def whole_vector(session: Session, name: str, values: Mapping[str, Value]) -> bytes:
    """Write a command that sets some members of a vector, with all the others: a driver ignores one that isn't whole.

    :raises ValueError: if there is no such vector or member, it can only be read, or a value is out of its limits
    """
    vector = session.table.view().get(name)
    if vector is None:
        raise ValueError(f"the device has no {name}")
    missing = [member for member in values if member not in vector.values]
    if missing:
        raise ValueError(f"{name} has no {', '.join(missing)}")
    if not vector.writable:
        raise ValueError(f"{name} can only be read")
    for member, (low, high) in vector.limits.items():
        value = values.get(member)
        if value is not None and low < high and not low <= float(value) <= high:
            raise ValueError(f"{float(value):g} lies beyond {name}'s limits of {low:g} to {high:g}")
    # A switch of one choice has its other members off.
    rest = {m: False for m in vector.values} if vector.kind == "Switch" else dict(vector.values)
    return write_vector(vector.kind, session.device, name, {**rest, **values})


def _answered(now: Property | None, before: Property, reached: Callable[[Property], bool]) -> bool:
    if now is None or now.alerts > before.alerts or now.busy > before.busy:
        return True
    return now.sets > before.sets and reached(now)
