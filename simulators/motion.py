"""How something heavy gets from here to there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


def duration_s(distance: float, speed: float, acceleration: float) -> float:
    """Tell how long a move takes that speeds up, runs at ``speed`` and slows down evenly."""
    if distance <= 0:
        return 0.0
    if distance < speed**2 / acceleration:
        return 2 * math.sqrt(distance / acceleration)
    return distance / speed + speed / acceleration


def fraction(passed_s: float, distance: float, speed: float, acceleration: float) -> float:
    """Tell which part of the distance lies behind after ``passed_s``."""
    whole_s = duration_s(distance, speed, acceleration)
    if passed_s >= whole_s:
        return 1.0
    if passed_s <= 0:
        return 0.0
    if passed_s > whole_s / 2:
        return 1.0 - fraction(whole_s - passed_s, distance, speed, acceleration)
    ramp_s = min(speed / acceleration, whole_s / 2)
    if passed_s <= ramp_s:
        return acceleration * passed_s**2 / 2 / distance
    return (acceleration * ramp_s**2 / 2 + speed * (passed_s - ramp_s)) / distance


def shortest_deg(start: float, end: float) -> float:
    """Give the signed way around the circle from ``start`` to ``end``, at most 180° either way."""
    return (end - start + 180.0) % 360.0 - 180.0


@dataclass(frozen=True, slots=True)
class EvenMove:
    """An even motion from one value to another, from a moment on.

    :param start: value at ``start_s``
    :param end: value in the end
    :param start_s: when it began, unix seconds
    :param speed: per second
    """

    start: float
    end: float
    start_s: float
    speed: float

    def at(self, unix_s: float) -> float:
        """Tell the value at a moment."""
        reach = self.speed * max(unix_s - self.start_s, 0.0)
        if abs(self.end - self.start) <= reach:
            return self.end
        return self.start + max(-reach, min(reach, self.end - self.start))

    def left_s(self, unix_s: float) -> float:
        """Tell how long it still takes."""
        return abs(self.end - self.at(unix_s)) / self.speed

    def to(self, end: float, unix_s: float) -> EvenMove:
        """Turn it to another end at a moment."""
        return replace(self, start=self.at(unix_s), end=end, start_s=unix_s)
