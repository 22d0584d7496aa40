"""The poller's deadline: real seconds, and whoever is over by then is not lost."""

from __future__ import annotations

import time

import pytest

from instruments import Operation, OperationState, Timeout
from instruments.clock import Clock
from instruments.poller import Poller, Status

FAST = 1000.0  # an exposure of 10 s takes 10 ms of it


class Device:
    """A device that moves until so many real seconds after its making, and answers nobody for a while at first.

    :param stands_still_s: what the first question takes, whatever its deadline: the process does not run
    """

    def __init__(self, stands_still_s: float, moves_s: float) -> None:
        self._there_s = time.monotonic() + moves_s
        self._stands_still_s = stands_still_s
        self.poller = Poller("camera", Clock(speed=FAST), self.read, lambda: "exposing")

    def read(self, timeout_s: float) -> Status:
        said = {"there": time.monotonic() > self._there_s}
        stands_still_s, self._stands_still_s = self._stands_still_s, 0.0
        time.sleep(stands_still_s)
        return said

    def follow(self) -> Operation[object]:
        operation: Operation[object] = Operation("camera", "expose 10 s", 10.0)

        def check(status: Status) -> None:
            if status["there"]:
                operation.finish("frame")

        self.poller.follow(operation, check, "exposure", time.monotonic())
        return operation


def test_who_stood_still_until_the_deadline_had_passed_looks_once_more() -> None:
    device = Device(stands_still_s=4.0, moves_s=0.5)
    assert device.follow().wait(20) == "frame"
    device.poller.join()


def test_the_fastest_clock_leaves_a_device_seconds_of_real_time() -> None:
    device = Device(stands_still_s=0.0, moves_s=2.0)
    assert device.follow().wait(20) == "frame", "10 ms by its announcement, and half as much again"
    device.poller.join()


def test_who_does_not_end_is_unknown_and_told_in_real_seconds() -> None:
    device = Device(stands_still_s=0.0, moves_s=1e9)
    operation = device.follow()
    with pytest.raises(Timeout, match=r"did not end within 3\.0 s of real time, announced were 10 s"):
        operation.wait(20)
    assert operation.state is OperationState.UNKNOWN
    device.poller.join()
