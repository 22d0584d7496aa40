"""Waiting in tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from pyros_kernel import Observatory


def until(condition: Callable[[], object], what: str, seconds: float = 50.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.02)


def status(obs: Observatory) -> str:
    night = obs.snapshot().night
    return night.status if night else ""
