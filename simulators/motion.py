"""How something heavy gets from here to there."""

from __future__ import annotations

import math


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
