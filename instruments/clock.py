"""The one source of time: real, accelerated for simulation, or moved by hand in tests.

It stands in the lowest room because a reading has no meaning without a time; users import it from
``pyros_kernel.clock``.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol, cast

from astropy.time import Time
from astropy.utils import iers

# astropy must never reach for the network, and must go on with the table it was installed with:
# auto_download alone still raises for any date past the table's first prediction.
iers.conf.auto_download = False
iers.conf.auto_max_age = None
iers.conf.iers_degraded_accuracy = "warn"


def utc(when: Time | str) -> Time:
    """Read a moment.

    :param when: a Time, or ISO 8601 in UTC
    :raises ValueError: if it is no time
    """
    try:
        return Time(when, scale="utc")
    except ValueError:
        raise ValueError(f"{when!r} is no time: write it as 2022-09-30T08:00:00, UTC") from None


def to_unix_s(time_: Time) -> float:
    """Turn a moment into seconds since 1970-01-01 UTC."""
    return float(cast("float", time_.utc.unix))


_SLICE_S = 0.05  # how late, in real seconds, a wait on an Event-less clock may notice anything


class Cancelled(Protocol):
    """What a wait looks at to end early: a ``threading.Event`` or a ``Cancellation``."""

    def is_set(self) -> bool:
        """Tell whether the wait must end."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait ``timeout`` real seconds at most, and tell whether it is set."""
        ...


class Clock:
    """Tell the observatory's time, and wait by it.

    :param epoch: observatory time at the start; the system's time now if left out
    :param speed: observatory seconds per real second (1 = real time)
    :param anchor_s: reading of ``time.monotonic()`` at which the clock showed ``epoch``; processes of one
        machine that share epoch, speed and anchor show the same time
    :raises ValueError: if ``speed`` is not positive
    """

    def __init__(self, epoch: Time | None = None, speed: float = 1.0, *, anchor_s: float | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"clock speed must be positive, got {speed}")
        self.speed = float(speed)
        # A real clock follows the system's (and so NTP's) time; any other runs on the monotonic one.
        self._follows_system = epoch is None and speed == 1.0 and anchor_s is None
        self._epoch_unix_s = time.time() if epoch is None else to_unix_s(epoch)
        self._anchor_s = time.monotonic() if anchor_s is None else anchor_s

    @classmethod
    def from_words(cls, words: str) -> Clock:
        """Rebuild a clock from :meth:`to_words`, in another process of the same machine.

        :raises ValueError: if ``words`` were not made by :meth:`to_words`
        """
        if words == "system":
            return cls()
        epoch_s, speed, anchor_s = (float(word) for word in words.split(","))
        return cls(Time(epoch_s, format="unix", scale="utc"), speed, anchor_s=anchor_s)

    @classmethod
    def seen_from_afar(cls, words: str, unix_s: float, at_s: float) -> Clock:
        """Rebuild a clock of another machine, whose monotonic time means nothing here.

        :param words: those of :meth:`to_words` there
        :param unix_s: what it showed
        :param at_s: reading of this machine's ``time.monotonic()`` when it showed that
        :raises ValueError: if ``words`` were not made by :meth:`to_words`
        """
        if words == "system":
            return cls()
        _epoch_s, speed, _anchor_s = (float(word) for word in words.split(","))
        return cls(Time(unix_s, format="unix", scale="utc"), speed, anchor_s=at_s)

    def to_words(self) -> str:
        """Describe the clock in one word, for the command line of a child process."""
        if self._follows_system:
            return "system"
        return f"{self._epoch_unix_s!r},{self.speed!r},{self._anchor_s!r}"

    def unix_s(self) -> float:
        """Tell the time as seconds since 1970-01-01 UTC, cheaply."""
        if self._follows_system:
            return time.time()
        return self._epoch_unix_s + (time.monotonic() - self._anchor_s) * self.speed

    def steady_s(self) -> float:
        """Tell observatory seconds from some moment on that no setting of the system's clock moves, for durations."""
        return time.monotonic() if self._follows_system else self.unix_s()

    def now(self) -> Time:
        """Tell the time."""
        return Time(self.unix_s(), format="unix", scale="utc")

    def wait(self, seconds: float, cancelled: Cancelled | None = None) -> bool:
        """Wait ``seconds`` of observatory time.

        :return: True when the time has passed, False when ``cancelled`` was set before
        """
        return self._wait_until_unix_s(self.unix_s() + seconds, cancelled)

    def wait_until(self, when: Time, cancelled: Cancelled | None = None) -> bool:
        """Wait until the clock shows ``when``; return as :meth:`wait` does."""
        return self._wait_until_unix_s(to_unix_s(when), cancelled)

    def _wait_until_unix_s(self, end_s: float, cancelled: Cancelled | None) -> bool:
        while True:
            if cancelled is not None and cancelled.is_set():
                return False
            left_s = (end_s - self.unix_s()) / self.speed
            if left_s <= 0:
                return True
            if cancelled is None:
                time.sleep(left_s)
            else:
                # At most a second at a time: a stepped system clock must not stretch a wait.
                cancelled.wait(min(left_s, 1.0))


class ManualClock(Clock):
    """A clock for tests that stands still until :meth:`advance` moves it."""

    def __init__(self, epoch: Time) -> None:
        super().__init__(epoch)
        self._now_s = to_unix_s(epoch)
        self._moved = threading.Condition()

    def to_words(self) -> str:
        """Refuse: another process can't follow a clock that is moved by hand."""
        raise ValueError("a ManualClock can't be shared with another process")

    def unix_s(self) -> float:
        """Tell the time as seconds since 1970-01-01 UTC."""
        return self._now_s

    def steady_s(self) -> float:
        """Tell the time: this clock moves by hand only."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move the clock and wake whoever's time has come."""
        with self._moved:
            self._now_s += seconds
            self._moved.notify_all()

    def _wait_until_unix_s(self, end_s: float, cancelled: Cancelled | None) -> bool:
        with self._moved:
            while self._now_s < end_s:
                if cancelled is not None and cancelled.is_set():
                    return False
                self._moved.wait(_SLICE_S)
        return not (cancelled is not None and cancelled.is_set())
