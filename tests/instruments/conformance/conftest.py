"""Each back end's server once for all tests, and a device of it behind a wire that can be cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from instruments.instrument import Instrument
from tests.instruments.back_ends import BACK_ENDS, KINDS, BackEnd, running
from tests.instruments.proxy import Proxy

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a back end doesn't have."""
    nowhere = [one for one in items if isinstance(one, pytest.Function) and not _there(one)]
    config.hook.pytest_deselected(items=nowhere)
    items[:] = [one for one in items if one not in nowhere]


def _there(one: pytest.Function) -> bool:
    given = one.callspec.params if one.path.parent == HERE and hasattr(one, "callspec") else {}
    return given.get("back_end") == "pyros" or given.get("kind", KINDS[0]) in KINDS


@pytest.fixture(scope="session", params=BACK_ENDS)
def back_end(request: pytest.FixtureRequest) -> Iterator[BackEnd]:
    """A back end with its server."""
    with running(str(request.param)) as it:
        yield it


@pytest.fixture
def make(back_end: BackEnd) -> Iterator[Callable[[str], tuple[Any, Proxy]]]:
    """Connect a device through a proxy: ``device, wire = make("telescope")``."""
    with contextlib.ExitStack() as ends:

        def make(kind: str) -> tuple[Instrument[Any], Proxy]:
            wire = Proxy(back_end.port(kind))
            ends.callback(wire.close)
            device = back_end.device(kind, wire.port)
            ends.callback(device.disconnect)
            device.connect()
            return device, wire

        yield make
