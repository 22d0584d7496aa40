"""Addresses of their own for every test, and nothing left open after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pyros_kernel.agents import AgentConfig, Sender, use
from tests.waiting import until


@pytest.fixture
def config() -> Iterator[AgentConfig]:
    made = AgentConfig.with_free_ports()
    use(made)
    yield made
    Sender.close()
    use(None)


@pytest.fixture(name="until")
def _until() -> Callable[..., object]:
    return until
