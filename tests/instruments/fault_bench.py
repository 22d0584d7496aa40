"""Break every device in every way, on every wire that can show it, and write down what is seen."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments import InstrumentError, OperationAborted
from instruments.clock import Clock
from instruments.connect import open_instrument
from instruments.horizon import Horizon
from instruments.pyros import SimulatorControl
from tests.instruments.back_ends import ALPACA, INDI, BackEnd, running
from tests.instruments.fault_table import READERS, TABLE
from tests.instruments.spoilers.alpaca import AlpacaSpoiler
from tests.instruments.spoilers.indi import IndiSpoiler

SPEED = 40.0
HORIZON = Horizon(31.0443, -115.4637)
SPARE_S = 6.0  # what a loaded machine may need besides
_LONG = ("telescope", "camera_vis", "camera_nir", "dome")  # what moves long enough to be struck on the way
_STRUCK_S = 60.0  # so long an exposure runs that is struck on the way
_FRESH_REAL_S = 1.5
_MEASURES_S = {"indi": 10.0}  # so often INDI's weather simulator is told to measure
_MOTIONS = {
    "telescope": "EQUATORIAL_EOD_COORD",
    "camera_vis": "CCD_EXPOSURE",
    "filter_wheel": "FILTER_SLOT",
    "focuser": "ABS_FOCUS_POSITION",
    "rotator": "ABS_ROTATOR_ANGLE",
    "dome": "ABS_DOME_POSITION",
}


@dataclass(frozen=True)
class Case:
    """One fault of one device on one wire."""

    back_end: str
    fault: str
    kind: str


@dataclass
class Outcome:
    """What was seen: how the call ended, what was known of the state, each after how long, and what came after it."""

    end: str
    took_s: float
    limit_s: float
    state: str
    state_s: float
    again: str

    def __str__(self) -> str:
        return f"{self.end:17s} {self.took_s:5.2f} s  {self.state:8s} {self.state_s:5.2f} s  {self.again}"


class Breaker(Protocol):
    """Makes one device misbehave."""

    def fault(self, name: str) -> None:
        """Begin."""
        ...

    def heal(self) -> None:
        """End."""
        ...


def cases(back_end: str) -> list[Case]:
    """All that a wire can show."""
    return [
        Case(back_end, fault, kind)
        for fault, row in TABLE.items()
        if (seen := row.seen(back_end)) is not None
        for kind in seen.kinds(back_end)
    ]


def drill(case: Case, device: Any, breaker: Breaker, drive: Drive) -> Outcome:
    """Break a device, see what a call says and what is known of its state, heal it, and use it again."""
    seen = TABLE[case.fault].seen(case.back_end)
    assert seen is not None
    reader, known = case.kind in READERS, seen.known(case.kind)
    device.connect(20)
    try:
        if case.kind == "telescope":
            device.unpark()
        drive.use(device, 1)
        running_ = drive.start(device, 2, _STRUCK_S) if seen.mid and case.kind in _LONG else None
        began, limit_s, end = time.monotonic(), 2.0, "done"
        breaker.fault(case.fault)
        watch: _Watch | None = None
        try:
            if reader and seen.readers == ("done",):
                device.state(limit_s + SPARE_S)
            elif reader:
                device.state()
            else:
                running_ = running_ or drive.start(device, 2)
                # Its state grows old while the command is waited for.
                watch = _Watch(device, drive) if known == "stale" else None
                limit_s = (running_.eta_s * 1.5 + 10) / drive.clock.speed + 3
                running_.wait(limit_s + SPARE_S)
        except (InstrumentError, OperationAborted) as error:
            assert str(error).startswith(device.name), error
            end = type(error).__name__
        took_s = time.monotonic() - began
        state = watch.end() if watch else _state(device, known, drive)
        if state == "read" and known == "caught" and end != "done":
            state = "caught"
        known_s = watch.seen_s if watch else time.monotonic()
        state_s = known_s - began if state in ("unknown", "stale") else took_s
        breaker.heal()
        return Outcome(end, took_s, limit_s, state, state_s, drive.again(device))
    finally:
        breaker.heal()
        device.disconnect()


class _Watch:
    """Look at a device's state in a thread of its own until it is old."""

    def __init__(self, device: Any, drive: Drive) -> None:
        self.seen_s = 0.0
        self._found = ""
        self._thread = threading.Thread(target=self._look, args=(device, drive))
        self._thread.start()

    def end(self) -> str:
        """Wait until it is old, or should have been, and tell what was known of it."""
        self._thread.join()
        return self._found

    def _look(self, device: Any, drive: Drive) -> None:
        self._found = _state(device, "stale", drive)
        self.seen_s = time.monotonic()


def _state(device: Any, wanted: str, drive: Drive) -> str:
    """Tell what is known, within two seconds if it is what it should be."""
    deadline = time.monotonic() + 2.0 + SPARE_S
    while True:
        try:
            said = device.state(2.0 + SPARE_S * ("read" in wanted))
        except InstrumentError:
            return "unknown"
        old_s = abs(drive.clock.unix_s() - said.time.unix)
        now = "stale" if old_s > _FRESH_REAL_S * drive.clock.speed + drive.measures_s else "read"
        if now in wanted or "read" in wanted or wanted == "caught" or time.monotonic() > deadline:
            return now
        time.sleep(0.05)


@dataclass
class Drive:
    """Use devices of a kind.

    :param clock: of the server
    :param measures_s: how seldom a sensor measures
    """

    kind: str
    clock: Clock
    filters: tuple[str, ...]
    measures_s: float = 0.0

    def use(self, device: Any, turn: int) -> None:
        """Use it once, to the end."""
        if self.kind in READERS:
            device.state(10)
        else:
            self.start(device, turn).wait(30)

    def again(self, device: Any) -> str:
        """Use it after the fault, connecting where there is no link."""
        deadline = time.monotonic() + 20
        while True:
            try:
                if not device.connected:
                    device.connect(3)
                device.state(10)  # as an observatory does all the time
                self.use(device, 3)
            except (InstrumentError, OperationAborted) as error:
                if time.monotonic() > deadline:
                    return f"{type(error).__name__}: {error}"
                time.sleep(0.1)
                continue
            return "works"

    def start(self, device: Any, turn: int, exposure_s: float = 15.0) -> Any:
        """Begin what takes a while, each turn another."""
        match self.kind:
            case "telescope":
                ra, dec = HORIZON.radec_deg(60, 100.0 * turn, self.clock.unix_s())
                return device.slew_to(SkyCoord(ra, dec, unit="deg"))
            case "dome":
                return device.move_to((100 * turn % 360) * u.deg)
            case "filter_wheel":
                return device.set_filter(self.filters[turn % len(self.filters)])
            case "focuser":
                return device.move_to(20000 * turn)
            case "rotator":
                return device.move_to(100 * turn * u.deg)
            case _:
                return device.expose((exposure_s if turn == 2 else 2) * u.s)


def break_ours() -> dict[Case, Outcome]:
    """Break our simulators: one of each kind for every fault, all at once, each waiting most of its time."""
    clock = Clock(Time("2026-11-23T04:00:00"), SPEED)
    all_cases = cases("pyros")
    devices = {f"{c.kind}_{c.fault}": {"kind": _simulated(c.kind), "settings": _settings(c.kind)} for c in all_cases}
    words = [sys.executable, "-m", "simulators", "--clock", clock.to_words(), "--die-with-stdin"]
    child = subprocess.Popen(
        [*words, "--devices", json.dumps(devices)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    ports = json.loads(child.stdout.readline().removeprefix("READY "))
    control = SimulatorControl(f"pyros://127.0.0.1:{ports['simulator']}/SIMULATOR", clock)
    try:
        control.connect(20)

        def one(case: Case) -> Outcome:
            name = f"{case.kind}_{case.fault}"
            address = f"pyros://127.0.0.1:{ports[name]}/{_simulated(case.kind).upper()}"
            device = open_instrument(case.kind, name, address, clock)
            return drill(case, device, _Control(control, name), Drive(case.kind, clock, ("g", "r", "i")))

        with ThreadPoolExecutor(24) as threads:
            return dict(zip(all_cases, threads.map(one, all_cases), strict=True))
    finally:
        control.disconnect()
        child.stdin.close()
        child.stdout.close()
        assert child.wait(20) == 0


def break_theirs(name: str) -> dict[Case, Outcome]:
    """Break the devices of another's server, kind by kind side by side, each behind a wire that misbehaves."""
    outcomes: dict[Case, Outcome] = {}
    all_cases = cases(name)
    with running(name) as server:
        kinds = sorted({case.kind for case in all_cases})

        def all_of(kind: str) -> None:
            with ExitStack() as ends:
                spoiler = _spoiler(server, kind)
                ends.callback(spoiler.close)
                drive = Drive(kind, server.clock, server.filters(), _MEASURES_S.get(name, 0.0) * (kind in READERS))
                for case in (c for c in all_cases if c.kind == kind):
                    if case.fault == "frozen" and name == "indi":
                        _measure_often(server)
                    device = server.device(kind, spoiler.port)
                    outcomes[case] = drill(case, device, spoiler, drive)

        with ThreadPoolExecutor(len(kinds)) as threads:
            list(threads.map(all_of, kinds))
    return outcomes


def _measure_often(server: BackEnd) -> None:
    """Have INDI's weather simulator measure so often that a sensor which falls silent is missed within two seconds."""
    head = f"<newNumberVector device='{INDI['weather_station']}' name='WEATHER_UPDATE'>"
    period = f"<oneNumber name='PERIOD'>{_MEASURES_S['indi']:g}</oneNumber></newNumberVector>"
    port = server.port("weather_station")
    with server.device("weather_station"), socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(f"<getProperties version='1.7' device='{INDI['weather_station']}'/>{head}{period}".encode())
        said = b""
        while not re.search(rb"<setNumberVector[^>]*WEATHER_UPDATE[^>]*state=.Ok", said):
            said += link.recv(65536)


def table(outcomes: dict[Case, Outcome]) -> str:
    """Write what was seen, a line per case."""
    return "\n".join(f"{c.fault:10s} {c.back_end:6s} {c.kind:15s} {o}" for c, o in outcomes.items())


def _spoiler(server: BackEnd, kind: str) -> IndiSpoiler | AlpacaSpoiler:
    if server.name == "indi":
        return IndiSpoiler(server.port(kind), INDI[kind], _MOTIONS.get(kind, ""))
    return AlpacaSpoiler(server.port(kind), ALPACA[kind], server.speed)


class _Control:
    """A breaker of our simulators."""

    def __init__(self, control: SimulatorControl, name: str) -> None:
        self._control, self._name = control, name

    def fault(self, name: str) -> None:
        """Begin."""
        self._control.fault(self._name, name, 0.5 if name == "slow" else None, seed=7)

    def heal(self) -> None:
        """End."""
        self._control.heal(self._name)


def _simulated(kind: str) -> str:
    return "plc" if kind == "safety_monitor" else kind


def _settings(kind: str) -> dict[str, Any]:
    if kind == "filter_wheel":
        return {"filter_s": 15.0}  # long enough to be stopped on the way by a busy machine
    return {"width": 64, "height": 64} if kind.startswith("camera") else {}


BREAK: dict[str, Callable[[], dict[Case, Outcome]]] = {
    "pyros": break_ours,
    "indi": lambda: break_theirs("indi"),
    "alpaca": lambda: break_theirs("alpaca"),
}


HEAD = """\
# Faults, measured

<!-- Made by `python -m tests.instruments.fault_bench > docs/reference/faults-measured.md`. -->

One print of what [faults.md](faults.md) promises: how each call ended and after how long, what was known of the state
and how long after the fault began (real seconds), and whether the device worked again after it. A `Timeout` of a stuck
device comes at its deadline, which grows with what the command should have taken; the state read until then is true.
Before its sensors freeze, INDI's weather simulator is told to measure every ten seconds of its clock, which runs 40
times as fast as ours.
"""


def page() -> str:
    """Break everything, and write the page."""
    processor = next((w.partition(": ")[2] for w in Path("/proc/cpuinfo").read_text().splitlines() if "name" in w), "")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    where = f"{os.cpu_count()} cores of {processor}, shared; load {load} at the start; {time.strftime('%Y-%m-%d')}."
    tables = [f"## `{name}`\n\n```text\n{table(run())}\n```" for name, run in BREAK.items()]
    return "\n".join((HEAD, f"Measured on {where}\n", "\n\n".join(tables)))


if __name__ == "__main__":
    print(page())
