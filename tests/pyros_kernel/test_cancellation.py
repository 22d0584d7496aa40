"""Cancelling work: flag, reason, callbacks."""

from __future__ import annotations

import threading
import time

import pytest

from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.clock import Clock


def test_the_first_reason_counts_and_check_raises_it() -> None:
    cancelled = Cancellation()
    cancelled.check()
    cancelled.set("rain")
    cancelled.set("dawn")
    with pytest.raises(WorkCancelled, match="rain"):
        cancelled.check()


def test_a_slow_callback_delays_neither_the_caller_nor_the_others() -> None:
    cancelled, hold, called = Cancellation(), threading.Event(), threading.Event()
    with cancelled.calling(lambda: hold.wait(10)), cancelled.calling(called.set):
        cancelled.set("alert")
        assert called.wait(5)
        hold.set()


def test_callbacks_run_at_once_where_it_was_cancelled_before_and_not_after_their_block() -> None:
    cancelled, before, after = Cancellation(), threading.Event(), threading.Event()
    with cancelled.calling(after.set):
        pass
    cancelled.set("alert")
    with cancelled.calling(before.set):
        assert before.wait(5)
    assert not after.is_set()


def test_a_failing_callback_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    cancelled, called = Cancellation(), threading.Event()

    def fail() -> None:
        raise RuntimeError("no such camera")

    with cancelled.calling(fail), cancelled.calling(called.set):
        cancelled.set("alert")
        assert called.wait(5)
    deadline = time.monotonic() + 5
    while "no such camera" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "no such camera" in caplog.text


def test_a_clock_can_wait_on_it() -> None:
    cancelled = Cancellation()
    threading.Timer(0.05, cancelled.set, ("dawn",)).start()
    assert Clock().wait(30, cancelled) is False
