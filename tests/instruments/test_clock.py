"""The clock: real, fast, shared with another process, and moved by hand."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from instruments.clock import Clock, ManualClock, to_unix_s

EPOCH = Time("2022-09-30T02:00:00")


def test_a_real_clock_shows_the_systems_time() -> None:
    assert abs(Clock().unix_s() - time.time()) < 1


def test_a_fast_clock_runs_from_its_epoch_and_a_copy_shows_the_same() -> None:
    clock = Clock(EPOCH, 1000)
    copy = Clock.from_words(clock.to_words())
    assert clock.wait(60)
    assert clock.unix_s() - to_unix_s(EPOCH) >= 60
    assert abs(clock.unix_s() - copy.unix_s()) < 60  # the two calls lie microseconds apart, at × 1000


def test_another_process_shows_the_same_time() -> None:
    clock = Clock(EPOCH, 10)
    code = "import sys; from instruments.clock import Clock; print(Clock.from_words(sys.argv[1]).unix_s())"
    before = clock.unix_s()
    said = float(subprocess.run([sys.executable, "-c", code, clock.to_words()], capture_output=True, check=True).stdout)
    assert before <= said <= clock.unix_s()


@given(epoch=st.floats(0, 4e9), speed=st.floats(0.001, 1e6), anchor=st.floats(0, 1e9))
def test_words_lose_nothing(epoch: float, speed: float, anchor: float) -> None:
    clock = Clock.from_words(f"{epoch!r},{speed!r},{anchor!r}")
    again = Clock.from_words(clock.to_words())
    assert again.to_words() == clock.to_words() and again.speed == speed


@pytest.mark.parametrize("words", ["", "soon", "1,2", "1,0,3", "a,b,c"])
def test_words_that_are_none_are_refused(words: str) -> None:
    with pytest.raises(ValueError):
        Clock.from_words(words)


def test_a_wait_ends_early_when_cancelled() -> None:
    cancelled = threading.Event()
    threading.Timer(0.05, cancelled.set).start()
    assert Clock(EPOCH, 2).wait_until(EPOCH + 1 * u.hour, cancelled) is False


def test_a_clock_moved_by_hand_wakes_who_waits() -> None:
    clock, woken = ManualClock(EPOCH), threading.Event()

    def sleep() -> None:
        assert clock.wait(3600)
        woken.set()

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    clock.advance(3599)
    assert not woken.wait(0.1)
    clock.advance(1)
    assert woken.wait(5)
    sleeper.join()
    assert to_unix_s(clock.now()) == to_unix_s(EPOCH) + 3600


def test_a_clock_moved_by_hand_cant_be_shared() -> None:
    with pytest.raises(ValueError, match="ManualClock"):
        ManualClock(EPOCH).to_words()
