"""The guardian as a process, over simulated instruments, with a heart that beats, stops or never was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pyros_kernel.safety import Safety
from pyros_kernel.safety.guarded import Guarded
from pyros_kernel.safety.guardian.line import Line, Silent
from tests.waiting import until


def journal(data: Path) -> list[dict[str, Any]]:
    path = data / "log" / "guardian.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def did(data: Path) -> list[str]:
    return [line["what"] if line["what"] != "sent" else line["order"] for line in journal(data)]


class Site:
    """A simulated site with its dome open and its telescope at work."""

    def __init__(self, simulated: Any, data: Path) -> None:
        self.data, self.clock, self.addresses = data, simulated.clock, simulated.addresses
        self.lines = {name: Line(name, address, 2.0) for name, address in {
            **simulated.addresses, "control": simulated.control}.items()}  # fmt: skip
        self.lines["dome"].ask("DO", "OPEN")
        self.lines["telescope"].ask("DO", "UNPARK")
        until(lambda: self.dome["shutter"] == "open", "the dome is open")

    def guarded(self) -> Guarded:
        return Guarded(self.data, self.clock, self.addresses, simulated=True)

    @property
    def dome(self) -> dict[str, Any]:
        return self.lines["dome"].ask("GET", "STATUS")

    @property
    def motion(self) -> str:
        return self.lines["telescope"].ask("GET", "STATUS")["motion"]

    def closed(self) -> bool:
        return self.dome["closed_switch"] and self.motion == "parked"


@pytest.fixture
def site(simulated: Any, tmp_path: Path) -> Iterator[Site]:
    made = Site(simulated, tmp_path)
    yield made
    for line in made.lines.values():
        line.close()


@pytest.fixture
def guarded(site: Site) -> Iterator[Guarded]:
    guarded = site.guarded()
    guarded.start()
    yield guarded
    guarded.stop()


def test_it_is_small_and_needs_no_astropy_and_no_database(guarded: Guarded) -> None:
    until(lambda: guarded.opinion().safety is Safety.SAFE, "safe")
    assert guarded.pid is not None
    assert psutil.Process(guarded.pid).memory_info().rss < 40e6
    code = (
        "import sys, pyros_kernel.safety.guardian.__main__\n"
        "print(*[m for m in ('astropy', 'numpy', 'sqlalchemy', 'instruments', 'zmq') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "\n"


def test_rain_closes_the_dome_at_once_though_the_kernel_does_nothing(site: Site, guarded: Guarded) -> None:
    site.lines["control"].ask("SET", "WEATHER rain true")
    until(site.closed, "closed and parked")
    orders = [order for order in did(site.data) if order in ("close", "park")]
    assert orders[0] == "close"
    assert "rain: yes" in guarded.opinion().text
    assert guarded.broken() == {} or "rain/close_now" in guarded.broken()
    site.lines["dome"].ask("DO", "OPEN")
    until(lambda: site.dome["shutter"] != "open" and did(site.data).count("close") >= 2, "closed again")


def test_wind_parks_before_it_closes(site: Site, guarded: Guarded) -> None:
    site.lines["control"].ask("SET", "WEATHER wind_speed 25")
    until(site.closed, "closed and parked")
    assert [order for order in did(site.data) if order in ("close", "park")][:2] == ["park", "close"]
    until(lambda: "confirmed" in did(site.data), "confirmed by the limit switch")


def test_a_kernel_that_is_gone_is_parked_and_closed_for_and_nothing_stays(site: Site) -> None:
    code = (
        "import sys, json, os, time\n"
        "from pathlib import Path\n"
        "from pyros_kernel.clock import Clock\n"
        "from pyros_kernel.safety.guarded import Guarded\n"
        "g = Guarded(Path(sys.argv[1]), Clock.from_words(sys.argv[2]), json.loads(sys.argv[3]), simulated=True)\n"
        "g.start(); print(g.pid, flush=True); time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", code, str(site.data), site.clock.to_words(), json.dumps(site.addresses)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as kernel:
        assert kernel.stdout is not None
        guardian = psutil.Process(int(kernel.stdout.readline()))
        until(lambda: "judged" in did(site.data), "it judges")
        assert site.dome["shutter"] == "open"
        os.kill(kernel.pid, signal.SIGKILL)
    until(site.closed, "closed and parked")
    assert any("the kernel is gone" in line.get("why", "") for line in journal(site.data))
    until(lambda: not guardian.is_running(), "it ends when nobody is left")
    assert did(site.data)[-1] == "ended"


def test_a_guardian_that_dies_is_unsafe_for_a_moment_and_started_again(site: Site, guarded: Guarded) -> None:
    first = guarded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: guarded.restarts == 1 and guarded.pid not in (None, first), "another one")
    until(lambda: guarded.opinion().safety is Safety.SAFE, "safe")
    assert did(site.data).count("started") == 2


def test_a_guardian_that_hangs_is_replaced(site: Site, guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyros_kernel.safety.guarded._BELIEVED_REAL_S", 1.0)
    assert guarded._link is not None
    guarded._link.settimeout(0.5)  # instead of 3 s: the third unanswered heartbeat in a row replaces it
    monkeypatch.setattr("pyros_kernel.safety.guarded._ANSWER_REAL_S", 0.5)
    first = guarded.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    until(lambda: guarded.opinion().safety is Safety.UNKNOWN, "its silence is unsafe")
    until(lambda: guarded.pid not in (None, first), "another one", 30)


def test_released_with_the_dome_open_it_closes_before_it_ends(site: Site, guarded: Guarded) -> None:
    guarded.stop()
    assert site.dome["closed_switch"] is True
    assert did(site.data)[-1] == "released"


def test_a_second_kernel_relieves_the_first_ones_guardian(site: Site, guarded: Guarded) -> None:
    second = site.guarded()
    second.start()
    try:
        assert "relieved" in did(site.data)
        assert second.opinion().safety in (Safety.SAFE, Safety.UNKNOWN, Safety.UNSAFE)
    finally:
        guarded.stop()
        second.stop()


def test_simulated_instruments_that_are_gone_end_it(site: Site, simulated: Any) -> None:
    guarded = site.guarded()
    guarded.start()
    pid = guarded.pid
    assert pid is not None
    simulated.stop()
    guarded.stop()
    assert not psutil.pid_exists(pid)


def test_a_silent_device_is_named(free_port: int) -> None:
    line = Line("dome", f"pyros://127.0.0.1:{free_port}/DOME")
    with pytest.raises(Silent, match="dome"):
        line.ask("GET", "STATUS")
    with pytest.raises(Silent, match="a moment ago"):
        line.ask("GET", "STATUS")
    with pytest.raises(ValueError, match="is no pyros://"):
        Line("dome", "indi://localhost/Dome")


def test_a_dome_whose_guardian_falls_silent_closes_by_itself(site: Site) -> None:
    guarded = site.guarded()
    guarded.start()
    pid = guarded.pid
    assert pid is not None
    try:
        until(lambda: "judged" in did(site.data), "it judges")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2.0)
        assert site.dome["shutter"] == "open", "a moment's silence closes nothing"
        os.kill(pid, signal.SIGCONT)
        site.lines["dome"].ask("SET", "WATCHDOG 120")
        os.kill(pid, signal.SIGSTOP)
        until(lambda: site.dome["closed_switch"], "closed by itself")
        assert "close" not in did(site.data)
    finally:
        os.kill(pid, signal.SIGCONT)
        guarded.stop()


def test_a_dome_that_started_anew_is_told_of_its_watchdog_again(site: Site, guarded: Guarded) -> None:
    until(lambda: guarded.opinion().safety is Safety.SAFE, "safe")
    site.lines["dome"].ask("SET", "WATCHDOG 0")  # as a controller that has forgotten it
    site.lines["control"].ask("DO", "STOP dome")
    site.lines["control"].ask("DO", "START dome")
    site.lines["dome"].close()
    assert guarded.pid is not None
    until(lambda: "watchdog" not in guarded._heard[1]["errors"] if guarded._heard else False, "fed again")
    time.sleep(1.0)
    os.kill(guarded.pid, signal.SIGSTOP)
    try:
        until(lambda: site.dome["closed_switch"], "closed by itself", 40)
    finally:
        os.kill(guarded.pid, signal.SIGCONT)
