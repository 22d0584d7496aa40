"""Each fault on each device: the call ends in time and says what is wrong, and the device works again after it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments import InstrumentError, OperationAborted
from instruments.clock import Clock
from instruments.connect import open_instrument
from instruments.horizon import Horizon
from instruments.pyros import FAULTS, SimulatorControl
from tests.instruments.fault_table import READERS, TABLE, page

SPEED = 40.0
# Of an operation of up to 20 s: 1.5 times that and 10 s by the observatory's clock, 3 s by ours, and what a loaded
# machine needs.
DEADLINE_S = (20 * 1.5 + 10) / SPEED + 3 + 6
HORIZON = Horizon(31.0443, -115.4637)
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
CASES = [(fault, kind) for fault, row in TABLE.items() for kind in row.kinds]
Seen = dict[tuple[str, str], dict[str, Any]]


def _settings(kind: str) -> dict[str, Any]:
    return {"width": 64, "height": 64} if kind.startswith("camera") else {}


class Bench:
    """Every device once for every fault, in one child process of simulators."""

    def __init__(self) -> None:
        self.clock = Clock(Time("2026-11-23T04:00:00"), SPEED)
        devices = {f"{kind}_{fault}": {"kind": kind, "settings": _settings(kind)} for fault, kind in CASES}
        words = [sys.executable, "-m", "simulators", "--clock", self.clock.to_words(), "--die-with-stdin"]
        self.child = subprocess.Popen(
            [*words, "--devices", json.dumps(devices)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.child.stdout is not None
        self.ports = json.loads(self.child.stdout.readline().removeprefix("READY "))
        self.control = SimulatorControl(f"pyros://127.0.0.1:{self.ports['simulator']}/SIMULATOR", self.clock)
        self.control.connect(20)

    def close(self) -> None:
        self.control.disconnect()
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.close()
        self.child.stdout.close()
        assert self.child.wait(20) == 0

    def drill(self, fault: str, kind: str) -> dict[str, Any]:
        """Break a device, see what a call says, heal it, and use it again."""
        name, row = f"{kind}_{fault}", TABLE[fault]
        address = f"pyros://127.0.0.1:{self.ports[name]}/{kind.upper()}"
        device: Any = open_instrument(kind, name, address, self.clock)
        try:
            device.connect(20)
            if kind == "telescope":
                device.unpark()
            self._use(device, kind, 1)
            began = time.monotonic()
            end = self._broken(device, kind, fault, row.mid)
            took_s = time.monotonic() - began
            state = self._state(device)
            self.control.heal(name)
            again = self._again(device, kind)
        finally:
            device.disconnect()
        return {"end": end, "took_s": took_s, "state": state, "again": again}

    def _broken(self, device: Any, kind: str, fault: str, mid: bool) -> str:
        try:
            running = self._start(device, kind, 2) if mid and kind not in READERS else None
            self.control.fault(device.name, fault, 0.5 if fault == "slow" else None, seed=7)
            if kind in READERS:
                device.state()
            else:
                (running or self._start(device, kind, 2)).wait(DEADLINE_S)
        except (InstrumentError, OperationAborted) as error:
            assert str(error).startswith(device.name)
            return type(error).__name__
        return "done"

    def _state(self, device: Any) -> str:
        """Tell what is known two seconds later."""
        time.sleep(2.0)
        try:
            state = device.state(2.0)
        except InstrumentError:
            return "unknown"
        return "read" if abs(self.clock.unix_s() - state.time.unix) < 1.5 * SPEED else "stale"

    def _again(self, device: Any, kind: str) -> str:
        deadline = time.monotonic() + 15
        while True:
            try:
                if not device.connected:
                    device.connect(2)
                self._use(device, kind, 3)
            except (InstrumentError, OperationAborted) as error:
                if time.monotonic() > deadline:
                    return f"{type(error).__name__}: {error}"
                time.sleep(0.1)
                continue
            return "works"

    def _use(self, device: Any, kind: str, turn: int) -> None:
        if kind in READERS:
            device.state()
        else:
            self._start(device, kind, turn).wait(DEADLINE_S)

    def _start(self, device: Any, kind: str, turn: int) -> Any:
        match kind:
            case "telescope":
                ra, dec = HORIZON.radec_deg(60, 100.0 * turn, self.clock.unix_s())
                return device.slew_to(SkyCoord(ra, dec, unit="deg"))
            case "dome":
                return device.open() if turn % 2 == 0 else device.close()
            case "filter_wheel":
                return device.set_filter("gri"[turn - 1])
            case "focuser":
                return device.move_to(30000 + 4000 * turn)
            case "rotator":
                return device.move_to(100 * turn * u.deg)
            case _:
                return device.expose(15 * u.s)


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """Drill everything, several devices at once, each waiting most of its time."""
    bench = Bench()
    try:
        with ThreadPoolExecutor(24) as threads:
            running = {case: threads.submit(bench.drill, *case) for case in CASES}
        yield {case: done.result() for case, done in running.items()}
    finally:
        bench.close()


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_shows_as_it_is_and_passes(seen: Seen, fault: str) -> None:
    row = TABLE[fault]
    for kind in row.kinds:
        one = seen[fault, kind]
        print(f"{fault:12s} {kind:16s} {one['end']:18s} {one['took_s']:5.1f} s  {one['state']:8s} {one['again']}")
    for kind in row.kinds:
        one = seen[fault, kind]
        assert one["end"] in row.allowed(kind), (fault, kind, one)
        assert one["took_s"] < DEADLINE_S, (fault, kind, one)
        assert one["state"] == row.state, (fault, kind, one)
        assert one["again"] == "works", (fault, kind, one)


def test_the_table_is_whole_and_in_the_docs() -> None:
    assert set(TABLE) == set(FAULTS)
    assert DOCUMENT.read_text(encoding="utf-8") == page()
