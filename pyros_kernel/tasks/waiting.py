"""Waiting for an instrument, so that a cancelled wait stops the instrument."""

from __future__ import annotations

from typing import TypeVar

from instruments import Operation, OperationAborted
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.clock import Clock

R = TypeVar("R")

_MARGIN_REAL_S = 30.0  # the back ends end each operation by themselves; this only bounds a defect in one


def wait_for(operation: Operation[R], clock: Clock, cancelled: Cancellation) -> R:
    """Wait for an operation's result; a cancellation stops the hardware.

    :raises WorkCancelled: if the work was cancelled, once the hardware has stopped or nothing is known of it
    :raises InstrumentError: if the operation failed, or if its outcome is unknown
    """
    with cancelled.calling(operation.cancel):
        try:
            return operation.wait(_MARGIN_REAL_S + 3 * operation.eta_s / clock.speed)
        except OperationAborted:
            cancelled.check()  # aborted by us; otherwise somebody else did, and the error says so
            raise
