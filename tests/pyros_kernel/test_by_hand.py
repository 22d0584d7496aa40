"""Single commands to simulated instruments, and when they are refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from instruments import InstrumentError
from pyros_kernel import Observatory
from pyros_kernel.commands.page import Attached
from pyros_kernel.lease import NotCommanding
from pyros_kernel.recipes import Refused
from pyros_kernel.settings import Settings
from tests.waiting import until


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    with Observatory(tmp_path_factory.mktemp("hands"), start="2022-09-29T20:00:00", speed=100) as started:
        yield started


def test_a_line_goes_to_the_device_and_its_answer_comes_back(obs: Observatory) -> None:
    assert obs.by_hand.devices["dome"] == "DOME" and obs.by_hand.devices["focuser"] == "FOCUSER"
    assert repr(obs.by_hand).startswith("<By hand: telescope, ")
    assert obs.by_hand.send("dome", "GET", "STATUS")["shutter"] == "closed"
    obs.by_hand.send("focuser", "SET", "POSITION", 36000.0)
    obs.by_hand.send("focuser", "DO", "GOTO")
    deadline = time.monotonic() + 20
    while obs.by_hand.send("focuser", "GET", "STATUS")["position"] != 36000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(InstrumentError, match=r"range|limit|1e"):
        obs.by_hand.send("focuser", "SET", "POSITION", 1e9)
    with pytest.raises(Refused, match="does not speak the PyROS language"):
        obs.by_hand.send("teapot", "GET", "STATUS")
    with pytest.raises(Refused, match="read out with its exposure"):
        obs.by_hand.send("camera_vis", "GET", "IMAGE")


def test_neither_gate_nor_sun_nor_lease_is_passed(obs: Observatory) -> None:
    with obs.simulators.control() as control:
        control.set_weather("rain", True)
        deadline = time.monotonic() + 20
        while obs.services.safety.verdict().safe:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(Refused, match="rain"):
            obs.by_hand.send("dome", "DO", "OPEN")
        obs.by_hand.send("dome", "DO", "CLOSE")
        control.set_weather("rain", None)
    with pytest.raises(Refused, match="the Sun stands at"):
        obs.by_hand.send("telescope", "DO", "START")
    obs.by_hand.send("telescope", "DO", "ABORT")
    obs._started.lease, kept = type("Lost", (), {"check": _lost})(), obs._started.lease
    try:
        with pytest.raises(NotCommanding, match="FOCUSER DO GOTO"):
            obs.by_hand.send("focuser", "DO", "GOTO")
        obs.by_hand.send("focuser", "GET", "STATUS")
    finally:
        obs._started.lease = kept


def _lost(_: object, command: str) -> None:
    raise NotCommanding(f"{command} refused: another kernel commands")


def test_the_observatory_hands_out_its_instruments(obs: Observatory) -> None:
    assert obs.telescope.state().motion.value == "parked" and "panel" in dir(obs.telescope)
    assert obs.camera("nir").state().filters
    with obs.telescope.panel() as panel:
        assert repr(panel) == "<Telescope panel>"


def test_the_page_ends_with_the_observatory(tmp_path: Path) -> None:
    with Observatory(tmp_path, start="2022-09-30T08:00:00", speed=100) as obs:
        page = obs.page()
        with urllib.request.urlopen(page.url + "cards", timeout=10) as answer:
            assert b"San Pedro" in answer.read()
    with pytest.raises(OSError):
        urllib.request.urlopen(page.url, timeout=2)


def test_a_page_attaches_to_whatever_observatory_runs_and_starts_none(tmp_path: Path) -> None:
    attached = Attached(Settings.from_environment(tmp_path))
    assert not attached.snapshot().running and not list(tmp_path.iterdir()), "nothing is made by looking"
    for _ in range(2):
        with Observatory(tmp_path, start="2022-09-30T08:00:00", speed=100) as obs:
            until(lambda: any(d.connected for d in attached.snapshot().devices), "it sees the devices")
            assert attached.snapshot().site == obs.snapshot().site
            assert obs.lease.held, "and commands nothing"
        assert not attached.snapshot().running
    attached.close()


def test_the_page_is_served_from_another_process_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pyros_kernel.cli", "--data", str(tmp_path), "page", "--port", "0"]
    with (
        Observatory(tmp_path, start="2022-09-30T08:00:00", speed=100),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page,
    ):
        assert page.stdout is not None
        url = page.stdout.readline().strip()

        def header() -> str:
            with urllib.request.urlopen(url + "cards", timeout=20) as answer:
                return json.loads(answer.read())["cards"]["header"]

        try:
            until(lambda: "San Pedro" in header(), "it shows the running observatory")
        finally:
            page.send_signal(signal.SIGINT)
        assert page.wait(20) == 0
