"""The guardian over INDI and Alpaca: Debian's drivers and PyPI's simulators, under a PLC of ours."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from astropy import units as u

from instruments import Camera, CameraActivity, Dome, Motion, Shutter, Telescope
from pyros_kernel.safety import Safety
from pyros_kernel.safety.guarded import Guarded
from pyros_kernel.safety.guardian.line import Line
from pyros_kernel.safety.guardian.patience import Said, Silent
from pyros_kernel.safety.guardian.ward import Ward, ward_for
from tests.instruments.back_ends import BackEnd, running
from tests.instruments.proxy import Proxy
from tests.waiting import until

KINDS = {"plc": "plc", "dome": "dome", "telescope": "telescope", "vis": "camera_vis"}
WAIT_S = 20


@pytest.fixture(scope="module", params=["indi", "alpaca"])
def back_end(request: pytest.FixtureRequest) -> Iterator[BackEnd]:
    with running(str(request.param)) as it:
        yield it


class Site:
    """Dome open, telescope tracking, camera exposing, all behind a back end that is not ours."""

    def __init__(self, back_end: BackEnd) -> None:
        self.devices: dict[str, Any] = {kind: back_end.device(kind) for kind in ("dome", "telescope", "camera_vis")}
        for device in self.devices.values():
            device.connect(10)
        self.telescope.unpark()
        self.dome.open().wait(WAIT_S)
        self.telescope.slew_to(back_end.target()).wait(WAIT_S)
        self.exposure = self.camera.expose(1000 * u.s)

    @property
    def dome(self) -> Dome:
        return self.devices["dome"]

    @property
    def telescope(self) -> Telescope:
        return self.devices["telescope"]

    @property
    def camera(self) -> Camera:
        return self.devices["camera_vis"]

    def closed(self) -> bool:
        shutter, motion = self.dome.state(5).shutter.value, self.telescope.state(5).motion.value
        return shutter is Shutter.CLOSED and motion is Motion.PARKED

    def close(self) -> None:
        for device in self.devices.values():
            device.disconnect()


@pytest.fixture
def site(back_end: BackEnd) -> Iterator[Site]:
    made = Site(back_end)
    yield made
    made.camera.abort()
    made.close()


@pytest.fixture
def guarded(site: Site, back_end: BackEnd, simulated: Any, tmp_path: Path) -> Iterator[Guarded]:
    addresses = {"plc": simulated.addresses["plc"], "dome": back_end.address("dome"),
                 "telescope": back_end.address("telescope"), "vis": back_end.address("camera_vis")}  # fmt: skip
    guarded = Guarded(tmp_path, simulated.clock, addresses, kinds=KINDS, simulated=True)
    guarded.start()
    until(lambda: guarded.opinion().safety is Safety.SAFE, "safe")
    yield guarded
    guarded.stop()


def ward(back_end: BackEnd, kind: str, port: int | None = None) -> Ward:
    return ward_for(kind, kind, back_end.address(kind, port), time.time)


def orders(data: Path) -> list[str]:
    lines = [json.loads(line) for line in (data / "log" / "guardian.log").read_text().splitlines()]
    return [line["order"] for line in lines if line["what"] == "sent"]


def test_rain_closes_at_once_and_then_parks(site: Site, guarded: Guarded, simulated: Any, tmp_path: Path) -> None:
    assert guarded.pid is not None
    assert psutil.Process(guarded.pid).memory_info().rss < 40e6
    control = Line("simulator", simulated.control, 2.0)
    control.ask("SET", "WEATHER rain true")
    until(site.closed, "closed and parked", 60)
    assert orders(tmp_path)[0] == "close"
    assert "vis" in orders(tmp_path)
    assert site.camera.state(5).activity.value is CameraActivity.IDLE
    control.close()


def test_wind_parks_before_it_closes(site: Site, guarded: Guarded, simulated: Any, tmp_path: Path) -> None:
    control = Line("simulator", simulated.control, 2.0)
    control.ask("SET", "WEATHER wind_speed 25")
    until(site.closed, "closed and parked", 60)
    said = [order for order in orders(tmp_path) if order != "vis"]
    assert said[0] == "park" and "close" in said
    control.close()


def test_weather_and_opinion_are_what_the_instruments_say(back_end: BackEnd) -> None:
    for kind in ("weather_station", "safety_monitor"):
        device, own = back_end.device(kind), ward_for(kind, kind, back_end.address(kind), back_end.clock.unix_s)
        device.connect(10)
        until(lambda own=own: _asked(own), "it answers", 10)
        if kind == "weather_station":
            theirs, ours = device.state(5).readings(), own.weather()
            assert ours.keys() == theirs.keys()
            for name, (value, time_s) in ours.items():
                assert value == pytest.approx(theirs[name].value, rel=0.5, abs=5)
                assert -5 < back_end.clock.unix_s() - time_s < 600
        else:
            assert own.safety()[0] is device.state(5).safe.value
        own.close()
        device.disconnect()


def test_a_cut_wire_is_silence_and_heals(back_end: BackEnd) -> None:
    wire = Proxy(back_end.port("dome"))
    dome = ward(back_end, "dome", wire.port)
    try:
        until(lambda: _asked(dome), "it answers", 10)
        wire.cut()
        with pytest.raises(Silent, match="dome"):
            dome.shutter(urgent=True)
        with pytest.raises(Silent, match="a moment ago"):
            dome.shutter(urgent=False)
        assert dome.silent_since_s is not None
        wire.mend()
        until(lambda: _asked(dome), "it answers again", 10)
        assert dome.silent_since_s is None
        wire.hold()
        with pytest.raises(Silent):
            dome.shutter(urgent=True)
    finally:
        dome.close()
        wire.close()


@pytest.fixture
def babbler() -> Iterator[int]:
    """Give the port of a server that answers anything with nonsense, without end."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                with link, contextlib.suppress(OSError):
                    link.recv(4096)
                    for _ in range(100):
                        link.sendall(b"<defSwitchVector device='Dome' name='\xff" * 5000)

        talker = threading.Thread(target=babble)
        talker.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        talker.join(5)


@pytest.mark.parametrize(("scheme", "path"), [("indi", "Dome"), ("alpaca", "dome/0")])
def test_nonsense_is_no_answer(babbler: int, scheme: str, path: str) -> None:
    dome = ward_for("dome", "dome", f"{scheme}://127.0.0.1:{babbler}/{path}", time.time)
    with pytest.raises((Silent, Said), match="dome"):
        dome.shutter(urgent=True)
    dome.close()


def _asked(one: Ward) -> bool:
    try:
        if "weather" in one.name:
            one.weather()
        elif "monitor" in one.name:
            one.safety()
        else:
            one.shutter(urgent=True)
    except (Silent, Said):
        return False
    return True


def test_an_address_that_leads_nowhere_is_refused_by_name() -> None:
    for address, why in (
        ("indi://localhost", "is no indi://"),
        ("alpaca://localhost/dome", "is no alpaca://"),
        ("ftp://localhost/dome", "knows no way"),
    ):
        with pytest.raises(ValueError, match=f"dome: .*{why}"):
            ward_for("dome", "dome", address, time.time)


def test_it_stays_small_whatever_it_speaks() -> None:
    code = (
        "import sys, pyros_kernel.safety.guardian.__main__\n"
        "import pyros_kernel.safety.guardian.indi, pyros_kernel.safety.guardian.alpaca\n"
        "print(*[m for m in ('astropy', 'numpy', 'sqlalchemy', 'instruments', 'requests') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "\n"
