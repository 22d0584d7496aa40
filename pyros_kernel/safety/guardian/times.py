"""The observatory's time from the words of its clock, without astropy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Times:
    """Tell the time as the clock that wrote ``words`` does (``Clock.to_words``), on the same machine.

    :param speed: observatory seconds per real second
    """

    epoch_s: float | None
    speed: float
    anchor_s: float

    @classmethod
    def from_words(cls, words: str) -> Times:
        """Read the words of a clock.

        :raises ValueError: if they are not that
        """
        if words == "system":
            return cls(None, 1.0, 0.0)
        epoch_s, speed, anchor_s = (float(word) for word in words.split(","))
        return cls(epoch_s, speed, anchor_s)

    def now_s(self) -> float:
        """Tell the observatory's time, unix seconds."""
        if self.epoch_s is None:
            return time.time()
        return self.epoch_s + (time.monotonic() - self.anchor_s) * self.speed

    def steady_s(self) -> float:
        """Tell observatory seconds that no setting of the system's clock moves."""
        return time.monotonic() * self.speed


def unix_s(iso: str) -> float:
    """Read a device's ISO time in UTC.

    :raises ValueError: if it is none
    """
    return datetime.fromisoformat(iso.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
