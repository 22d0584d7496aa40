"""No way opens a dome without a fresh SAFE verdict and the lease, in any order of weather, faults and commands.

Two kernels with a watch, a gate and a lease each share one dome.  10⁴ steps in each run, 10⁵ with PYROS_NIGHTLY=1.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from instruments import Dome, DomeState, Operation, Reading
from pyros_kernel.clock import ManualClock
from pyros_kernel.lease import ControlLease, LeaseHeld, NotCommanding
from pyros_kernel.safety import GatedDome, Reason, Safety, SafetyWatch, Unsafe, read_rules
from pyros_kernel.store import Store

EPOCH = Time("2022-09-30T02:00:00")
EXAMPLES, STEPS = (1100 if os.environ.get("PYROS_NIGHTLY") == "1" else 125), 100
LIMIT_S = 3600 if EXAMPLES > 1000 else 120
RULES = read_rules()
CLOSING = [r for r in RULES if r.consequence in ("close", "close_now")]
FAIR: dict[str, float | bool] = {
    "rain": False, "humidity": 40.0, "wind_speed": 4.0, "wind_gust": 6.0, "cloud": 10.0, "temperature": 8.0,
    "mains": True, "emergency_stop": False,
}  # fmt: skip
FOUL: dict[str, float | bool] = {
    "rain": True, "humidity": 90.0, "wind_speed": 16.0, "wind_gust": 25.0, "cloud": 99.0, "temperature": -20.0,
    "mains": False, "emergency_stop": True,
}  # fmt: skip
kernels = st.integers(0, 1)
done = {"steps": 0, "opened": 0, "refused": 0, "examples": 0}


class FakeDome(Dome):
    """A dome that opens for whoever reaches it: only the gate stands before it."""

    def __init__(self) -> None:
        super().__init__("dome", "pyros://127.0.0.1:1/DOME")
        self.opened = 0

    def open(self) -> Operation[DomeState]:
        self.opened += 1
        return Operation(self.name, "open", 1.0)

    def close(self) -> Operation[DomeState]:
        return Operation(self.name, "close", 1.0)

    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        return Operation(self.name, "move_to", 1.0)

    connected = True
    last_state = None

    def connect(self, timeout_s: float = 5.0) -> None: ...
    def state(self, timeout_s: float = 2.0) -> DomeState:
        raise NotImplementedError

    def abort(self, reason: str = "") -> None: ...
    def disconnect(self) -> None: ...


class Kernel:
    """One kernel: its watch, its gate, its lease, and what a plain reading of the rules makes of what it heard."""

    def __init__(self, dome: FakeDome, clock: ManualClock, store: Store, broken: dict[str, float]) -> None:
        self.clock = clock
        self.watch = SafetyWatch(RULES, clock)
        self.watch.remember(broken)
        self.guardian = Safety.SAFE
        self.watch.ask_also(lambda: Reason("guardian", self.guardian, f"guardian: {self.guardian}", 0.0, "close"))
        self.gate = GatedDome(dome, self.watch.verdict)
        self.lease = ControlLease(store)
        self.heard: dict[str, tuple[float | bool, float]] = {}

    def hear(self, quantity: str, value: float | bool, stamp_s: float) -> None:
        self.watch.update({quantity: Reading(value, None, Time(stamp_s, format="unix"), "plc")})
        known, now_s = self.heard.get(quantity), self.clock.unix_s()
        if known is None or stamp_s >= known[1] or known[1] > now_s + 5:
            self.heard[quantity] = (value, stamp_s)


class NoWay(RuleBasedStateMachine):
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.dome = ManualClock(EPOCH), FakeDome()
        self.kernels = [Kernel(self.dome, self.clock, self.store, {}) for _ in range(2)]
        self.foul: list[dict[str, float]] = [{}, {}]  # per kernel: quantity → when it last heard it foul and fresh
        done["examples"] += 1

    def teardown(self) -> None:
        for kernel in self.kernels:
            kernel.lease.release()

    def _hear(self, which: int, quantity: str, value: float | bool, stamp_s: float) -> None:
        self.kernels[which].hear(quantity, value, stamp_s)
        age_s = self.clock.unix_s() - stamp_s
        if value == FOUL[quantity] and 0 <= age_s <= 60 and self.kernels[which].heard[quantity] == (value, stamp_s):
            self.foul[which][quantity] = self.clock.unix_s()

    @rule(which=kernels)
    def fair_weather_is_read(self, which: int) -> None:
        for quantity, value in FAIR.items():
            self._hear(which, quantity, value, self.clock.unix_s())

    @rule(which=kernels, quantity=st.sampled_from(sorted(FOUL)))
    def one_thing_turns_foul(self, which: int, quantity: str) -> None:
        self._hear(which, quantity, FOUL[quantity], self.clock.unix_s())

    @rule(
        which=kernels,
        quantity=st.sampled_from(sorted(FAIR)),
        late_s=st.sampled_from([-3600.0, -20.0, 59.0, 61.0, 900.0]),
    )
    def a_fair_reading_has_a_wrong_or_an_old_time(self, which: int, quantity: str, late_s: float) -> None:
        self._hear(which, quantity, FAIR[quantity], self.clock.unix_s() - late_s)

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0, 899.0, 1801.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(which=kernels, says=st.sampled_from(list(Safety)))
    def the_guardian_changes_its_mind(self, which: int, says: Safety) -> None:
        self.kernels[which].guardian = says

    @rule(which=kernels)
    def a_kernel_restarts(self, which: int) -> None:
        old = self.kernels[which]
        old.lease.release()
        self.kernels[which] = Kernel(self.dome, self.clock, self.store, old.watch.broken())

    @rule(which=kernels, force=st.booleans())
    def a_kernel_wants_the_lease(self, which: int, force: bool) -> None:
        try:
            if force:
                self.kernels[which].lease.break_glass("drill")
                self.kernels[1 - which].lease.renew()
            else:
                self.kernels[which].lease.acquire()
        except LeaseHeld:
            assert self.kernels[1 - which].lease.held

    @rule(which=kernels)
    def a_kernel_closes(self, which: int) -> None:
        self.kernels[which].gate.close()

    @rule(which=kernels, quantity=st.sampled_from(sorted(FAIR)), late_s=st.sampled_from([0.0, 0.0, 0.0, -20.0]))
    def a_kernel_reads_the_weather_takes_the_lease_and_opens(self, which: int, quantity: str, late_s: float) -> None:
        self.fair_weather_is_read(which)
        self.a_fair_reading_has_a_wrong_or_an_old_time(which, quantity, late_s)
        self.a_kernel_wants_the_lease(which, False)
        self.a_kernel_opens(which)

    @rule(which=kernels)
    def a_kernel_opens(self, which: int) -> None:
        kernel, before = self.kernels[which], self.dome.opened
        try:
            kernel.lease.check("open")
            kernel.gate.open()
        except (Unsafe, NotCommanding) as refused:
            assert self.dome.opened == before
            done["refused"] += 1
            assert str(refused)
            return
        done["opened"] += 1
        assert self.dome.opened == before + 1
        now_s = self.clock.unix_s()
        assert kernel.lease.held and kernel.lease.view().holder == kernel.lease.me
        assert kernel.guardian is Safety.SAFE
        for one in CLOSING:
            value, stamp_s = kernel.heard[one.quantity]
            assert value == FAIR[one.quantity], f"opened though {one.quantity} is {value}"
            assert -5 <= now_s - stamp_s <= 60, f"opened though {one.quantity} is {now_s - stamp_s} s old"
            foul_s = self.foul[which].get(one.quantity)
            assert foul_s is None or now_s - foul_s >= one.reopen_s, f"opened {now_s - foul_s} s after {one.quantity}"

    @invariant()
    def at_most_one_commands(self) -> None:
        done["steps"] += 1
        assert sum(kernel.lease.held for kernel in self.kernels) <= 1


@pytest.mark.timeout(LIMIT_S)
def test_no_way_opens_the_dome(store_template: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pyros-safety-") as directory:
        path = Path(directory) / "pyros.sqlite"
        path.write_bytes(store_template.read_bytes())
        NoWay.store = Store.open(f"sqlite:///{path}")
        test: Any = NoWay.TestCase()
        test.settings = settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        )
        try:
            test.runTest()
        finally:
            NoWay.store.close()
    print(done)
    assert done["steps"] >= (100_000 if EXAMPLES > 1000 else 10_000)
    assert done["opened"] > EXAMPLES / 4, "a dome that never opens proves nothing"
    assert done["refused"] > done["opened"]
