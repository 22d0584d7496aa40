"""Simulators of all devices of the store, fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.clock import Clock
from pyros_kernel.simulation import SimulatorProcess
from pyros_kernel.store import Site, Store


@dataclass(frozen=True)
class Simulated:
    clock: Clock
    addresses: dict[str, str]
    control: str
    stop: Callable[[], None]


@pytest.fixture
def simulated(store: Store, tmp_path: Path) -> Iterator[Simulated]:
    with store.session(read_only=True) as session:
        site = session.scalars(select(Site)).one()
    clock = Clock(Time("2022-09-30T02:00:00"), 300)
    process = SimulatorProcess(store, site, clock, tmp_path / "simulators.log")
    try:
        addresses = process.start()
        yield Simulated(clock, addresses, process.control_address, process.stop)
    finally:
        process.stop()
