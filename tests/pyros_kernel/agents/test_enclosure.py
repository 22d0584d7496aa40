"""Closing up goes on the moment the dome is there again."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from instruments import NotConnected, Operation, Shutter
from pyros_kernel.agents.enclosure import Enclosure
from tests.waiting import until


class Dome:
    """A dome that is away until it is told to come back, open."""

    connected, shutter, tried = False, Shutter.OPEN, 0

    def state(self) -> Any:
        return SimpleNamespace(shutter=SimpleNamespace(value=self.shutter))

    def close(self) -> Operation[Any]:
        self.tried += 1
        if not self.connected:
            raise NotConnected("dome", "close", "nobody answers")
        self.shutter = Shutter.CLOSED
        closing: Operation[Any] = Operation("dome", "close")
        closing.finish(None)
        return closing


class Telescope:
    def state(self) -> Any:
        raise NotConnected("telescope", "state", "nobody answers")


@pytest.fixture
def dome() -> Dome:
    return Dome()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def closing(dome: Dome, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
    """Close up in a thread that would try again after ten minutes."""
    monkeypatch.setattr("pyros_kernel.agents.enclosure._RETRY_REAL_S", (600.0, 600.0))
    verdict = SimpleNamespace(close_now=False)
    services: Any = SimpleNamespace(
        devices=SimpleNamespace(dome=dome, telescope=Telescope(), cameras={}),
        safety=SimpleNamespace(verdict=lambda: verdict),
    )
    thread = threading.Thread(target=Enclosure(services, stopping).close_up, args=("drill",))
    thread.start()
    until(lambda: dome.tried == 1, "a first try")
    return thread


def test_a_dome_that_comes_back_is_closed_at_once(dome: Dome, closing: threading.Thread) -> None:
    dome.connected = True
    closing.join(10)
    assert not closing.is_alive()
    assert dome.shutter is Shutter.CLOSED
    assert dome.tried == 2


def test_an_observatory_that_goes_down_waits_no_longer(
    dome: Dome, closing: threading.Thread, stopping: threading.Event
) -> None:
    stopping.set()
    closing.join(10)
    assert not closing.is_alive()
    assert dome.tried == 1
