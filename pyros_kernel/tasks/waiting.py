"""Waiting for an instrument, in two ways: a cancelled wait stops it, or leaves it to whoever cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from instruments import Operation, OperationAborted
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.clock import Clock

R = TypeVar("R")

_MARGIN_REAL_S = 30.0  # the back ends end each operation by themselves; this only bounds a defect in one


def wait_or_stop(
    operation: Operation[R], clock: Clock, cancelled: Cancellation, stop: Callable[[], object] | None = None
) -> R:
    """Wait for an operation's result; a cancellation stops the hardware.

    :param stop: how, if not by cancelling the operation
    :raises WorkCancelled: if the work was cancelled, once the hardware has stopped or nothing is known of it
    :raises InstrumentError: if the operation failed, or if its outcome is unknown
    """
    with cancelled.calling(stop or operation.cancel):
        try:
            return operation.wait(_deadline_real_s(operation, clock))
        except OperationAborted:
            cancelled.check()  # aborted by us; otherwise somebody else did, and the error says so
            raise


def wait_or_leave(operation: Operation[R], clock: Clock, cancelled: Cancellation) -> R:
    """Wait for an operation's result; a cancellation leaves the hardware to whoever cancelled.

    For telescope and dome: who cancels has sent them elsewhere already, and a late abort would stop that.

    :raises WorkCancelled: if the work was cancelled
    :raises InstrumentError: if the operation failed, or if its outcome is unknown
    """
    either = threading.Event()

    def wake(_operation: object = None) -> None:
        either.set()

    operation.add_done_callback(wake)
    with cancelled.calling(wake):
        either.wait(_deadline_real_s(operation, clock))
    cancelled.check()
    return operation.wait(0)


def _deadline_real_s(operation: Operation[R], clock: Clock) -> float:
    return _MARGIN_REAL_S + 3 * operation.eta_s / clock.speed
