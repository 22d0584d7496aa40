"""What all devices behind Alpaca have in common."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

from instruments.address import Address, parse_address
from instruments.alpaca.connection import AlpacaConnection, Status
from instruments.alpaca.wire import NotThere
from instruments.operation import Operation

S = TypeVar("S")
T = TypeVar("T")

PORT = 11111


class AlpacaDevice(AlpacaConnection[S]):
    """Command a device, and follow what it does."""

    def order(self, what: str, function: Callable[[Any], object]) -> float:
        """Have the device begin something.

        :return: reading of ``time.monotonic()`` when it had taken that
        :raises InstrumentError: if it did not
        """
        with self.poller.held():
            self.ask(what, function)
            return time.monotonic()

    def follow(
        self,
        what: str,
        sent_monotonic_s: float,
        eta_s: float,
        topic: str,
        check: Callable[[Operation[Any], Status], None],
    ) -> Operation[Any]:
        """Make the operation of a command that was taken.

        :param check: ends the operation when the status says so
        """
        operation: Operation[Any] = Operation(
            self.name, what, eta_s, on_cancel=lambda: self.abort(f"{what} was cancelled")
        )
        operation.sent_monotonic_s = sent_monotonic_s
        self.poller.follow(operation, lambda status: check(operation, status), topic, sent_monotonic_s)
        return operation

    def abort(self, reason: str) -> None:
        """Stop the device; what ran before ends as aborted when it confirms.

        :raises InstrumentError: if it did not confirm
        """
        sent_s = time.monotonic()
        if self._stop is not None:
            self.ask("abort", self._stop)
        self.poller.end_all(lambda operation: operation.abort_with(reason), None, sent_s)


def parse(address: str, options: tuple[str, ...] = ()) -> Address:
    """Take ``alpaca://host:port/kind/number?option=value`` apart.

    :raises ValueError: if it is not of that form
    """
    return parse_address(address, "alpaca", PORT, options)


def optional(read: Callable[[], T]) -> T | None:
    """Read what a device may not have."""
    with contextlib.suppress(NotThere):
        return read()
    return None
