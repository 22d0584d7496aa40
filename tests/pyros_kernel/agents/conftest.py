"""Addresses of their own for every test, and nothing left open after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pyros_kernel.agents import AgentConfig, Sender, use


@pytest.fixture
def config() -> Iterator[AgentConfig]:
    made = AgentConfig.with_free_ports()
    use(made)
    yield made
    Sender.close()
    use(None)


def until(what: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait for something to become true, and fail if it does not."""
    end_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end_s, "it did not come true"
        time.sleep(0.005)


@pytest.fixture(name="until")
def _until() -> Callable[..., None]:
    return until
