"""A simulated site that outlives the kernels which are killed on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.clock import Clock
from pyros_kernel.opening import fixture_path
from pyros_kernel.safety.guardian.line import Line
from pyros_kernel.simulation import SimulatorProcess
from pyros_kernel.store import Site, Store, load

NIGHT = "2022-09-30T04:00:00"


class Late(Exception):
    """Something did not happen in time."""


def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> float:
    """Wait for a condition; give how long it took, real seconds.

    :raises Late: if it did not come true
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise Late(f"after {seconds:g} s still not: {what}")
        time.sleep(0.01)
    return time.monotonic() - began


def journal(data: Path) -> list[dict[str, Any]]:
    """Read the guardian's log."""
    path = data / "log" / "guardian.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


class Place:
    """The devices of a simulated site.

    :param addresses: device name → address
    """

    def __init__(self, clock: Clock, addresses: dict[str, str]) -> None:
        self.clock, self.addresses = clock, addresses
        self.lines = {name: Line(name, address, 3.0) for name, address in addresses.items()}

    @property
    def dome(self) -> dict[str, Any]:
        """The dome's status."""
        return self.lines["dome"].ask("GET", "STATUS", urgent=True)

    def open(self) -> None:
        """Open the dome and unpark the telescope."""
        self.lines["dome"].ask("DO", "OPEN", urgent=True)
        self.lines["telescope"].ask("DO", "UNPARK", urgent=True)
        until(lambda: self.dome["open_switch"], "the dome is open")

    def closed(self) -> bool:
        """Whether limit switch and telescope confirm that all is closed."""
        parked = self.lines["telescope"].ask("GET", "STATUS", urgent=True)["motion"] == "parked"
        return self.dome["closed_switch"] is True and parked


@contextmanager
def simulated_place(directory: Path, speed: float) -> Generator[Place]:
    """Run the simulators of the initial fixture's devices until the end of the block."""
    store = Store.open(f"sqlite:///{directory / 'drill.sqlite'}")
    load(store, fixture_path("initial_fixture.json"))
    with store.session(read_only=True) as session:
        site = session.scalars(select(Site)).one()
    clock = Clock(Time(NIGHT), speed)
    process = SimulatorProcess(store, site, clock, directory / "simulators.log")
    try:
        place = Place(clock, process.start())
        try:
            yield place
        finally:
            for line in place.lines.values():
                line.close()
    finally:
        process.stop()
        store.close()
