"""Periods that all processes of this machine share: what wakes together costs less than what wakes one by one."""

from __future__ import annotations

import time


def to_next(period_s: float) -> float:
    """Give the real seconds until the next beat of a period; all that have the same one wake at the same time."""
    return period_s - time.monotonic() % period_s
