"""Waiting in tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pyros_kernel import Observatory

Found = TypeVar("Found")


def until(condition: Callable[[], Found], what: str = "it comes", seconds: float = 50.0) -> Found:
    """Wait until something is true, and give it; fail with what did not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.01)
    return found


def status(obs: Observatory) -> str:
    """Give the status of the night, or nothing before it."""
    night = obs.snapshot().night
    return night.status if night else ""
