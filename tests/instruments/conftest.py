"""Simulators as a child process, and devices that say what a test wants them to say."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments.clock import Clock
from instruments.connect import open_instrument
from instruments.horizon import Horizon
from instruments.instrument import Instrument
from instruments.pyros import SimulatorControl

DEVICES = {
    "telescope": {"kind": "telescope"},
    "vis": {"kind": "camera_vis", "settings": {"width": 256, "height": 200, "filters": ["g", "r"]}},
    "nir": {"kind": "camera_nir", "settings": {"width": 128, "height": 128}},
    "dome": {"kind": "dome"},
    "plc": {"kind": "plc"},
}
HORIZON = Horizon(31.0443, -115.4637)


@dataclass(frozen=True)
class Simulators:
    """A running child process of simulators."""

    ports: dict[str, int]
    clock: Clock

    def address(self, name: str) -> str:
        kind = DEVICES[name]["kind"] if name in DEVICES else name
        return f"pyros://127.0.0.1:{self.ports[name]}/{str(kind).upper()}"

    def device(self, name: str) -> Instrument[Any]:
        return open_instrument(str(DEVICES[name]["kind"]), name, self.address(name), self.clock)

    def control(self) -> SimulatorControl:
        return SimulatorControl(self.address("simulator"), self.clock)

    def target(self, altitude: float = 60.0, azimuth: float = 120.0) -> SkyCoord:
        ra, dec = HORIZON.radec_deg(altitude, azimuth, self.clock.unix_s())
        return SkyCoord(ra, dec, unit="deg")


@contextlib.contextmanager
def _running(speed: float) -> Iterator[Simulators]:
    """Run the child for as long as the context lasts."""
    clock = Clock(Time("2026-11-23T04:00:00"), speed)
    words = [sys.executable, "-m", "simulators", "--clock", clock.to_words(), "--die-with-stdin", "--seed", "5"]
    child = subprocess.Popen(
        [*words, "--devices", json.dumps(DEVICES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        word, _, ports = child.stdout.readline().partition(" ")
        assert word == "READY"
        yield Simulators(json.loads(ports), clock)
    finally:
        child.stdin.close()
        child.stdout.close()
        assert child.wait(10) == 0


@pytest.fixture(scope="session")
def running() -> Callable[[float], contextlib.AbstractContextManager[Simulators]]:
    """Start simulators at a speed of the clock: ``with running(300) as simulators``."""
    return _running


@pytest.fixture(scope="module")
def simulators() -> Iterator[Simulators]:
    """Simulators at 300 times real time, for a module of tests."""
    with _running(300) as it:
        yield it


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[bytes], bytes | None]], str]]:
    """Make a device that answers each line with what a function gives; None closes the link."""
    with contextlib.ExitStack() as ends:

        def make(answer: Callable[[bytes], bytes | None]) -> str:
            listener = socket.create_server(("127.0.0.1", 0))
            thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
            thread.start()

            def end() -> None:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()
                thread.join(5)

            ends.callback(end)
            return f"pyros://127.0.0.1:{listener.getsockname()[1]}"

        yield make


def _serve(listener: socket.socket, answer: Callable[[bytes], bytes | None]) -> None:
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link, link.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                reply = answer(line)
                if reply is None:
                    break
                link.sendall(reply)
