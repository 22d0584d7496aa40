"""Each back end's server once for all tests, and a device of it behind a wire that can be cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from instruments.instrument import Instrument
from tests.instruments.back_ends import BackEnd, missing_words, running
from tests.instruments.proxy import Proxy

BACK_ENDS = ("pyros", "indi", "alpaca")


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
            missing_words(back_end.name, kind)
            wire = Proxy(back_end.port(kind))
            ends.callback(wire.close)
            device = back_end.device(kind, wire.port)
            ends.callback(device.disconnect)
            device.connect()
            return device, wire

        yield make
