"""All devices of the store: opened together, shown as one tree, used by name; and all of them killed at once."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from instruments import Camera, FilterWheel, Focuser, NotConnected, Rotator, SafetyMonitor
from pyros_kernel import Observatory
from pyros_kernel.clock import Clock
from pyros_kernel.opening import fixture_path
from pyros_kernel.simulation import SimulatorProcess
from pyros_kernel.store import Device, DeviceKind, Site, Store, load
from tests.waiting import status, until

MIDNIGHT = "2022-09-30T08:00:00"
SEEN_S = 2.0  # so soon after a crash it is seen, by construction;
SPARE_S = 4.0  # and so much more may pass on a busy machine


@pytest.fixture
def obs(tmp_path: Path) -> Iterator[Observatory]:
    with Observatory(tmp_path, start=MIDNIGHT, speed=100, fixtures=("night_2022-09-29.json",)) as observatory:
        yield observatory
    observatory.check()


def usable(obs: Observatory) -> int:
    return sum(member.usable for member in obs.devices.members.values())


def test_wheels_focuser_and_rotator_are_there_and_do_what_they_are_told(obs: Observatory) -> None:
    assert usable(obs) == len(obs.devices.members) == 10
    assert {d.kind for d in obs.snapshot().devices} >= {"filter_wheel", "focuser", "rotator", "weather_station"}
    wheel, camera = obs.devices["filter_wheel_vis"], obs.devices["camera_vis"]
    focuser, rotator = obs.devices["focuser"], obs.devices["rotator"]
    assert isinstance(wheel, FilterWheel) and isinstance(camera, Camera)
    assert isinstance(focuser, Focuser) and isinstance(rotator, Rotator)
    assert wheel.state().filters == camera.state().filters == ("g", "r", "i", "z", "y")
    wheel.set_filter("z").wait(20)
    assert camera.state().filter.value == "z"  # there is one wheel only
    camera.set_filter("g").wait(20)
    assert wheel.state().filter.value == "g"
    position = focuser.state().position.value + 300
    assert focuser.move_to(int(position)).wait(20).position.value == position
    rotator.abort()
    with pytest.raises(KeyError, match="no device 'camera_uv'; there are: telescope, camera_vis"):
        obs.devices["camera_uv"]
    assert repr(obs.devices).startswith("10 of 10 devices can be used:\n├─ telescope  pyros://127.0.0.1:")


def test_a_weather_station_and_a_safety_monitor_are_asked_whether_it_is_safe(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    load(store, fixture_path("initial_fixture.json"))
    with store.session() as session:
        site = session.scalars(select(Site)).one()
        address = "pyros://127.0.0.1:11115/PLC"
        session.add(Device(name="oracle", kind=DeviceKind.SAFETY_MONITOR, address=address, site_id=site.id))
    store.close()
    with Observatory(tmp_path, start=MIDNIGHT, speed=100) as obs:
        assert isinstance(obs.devices["oracle"], SafetyMonitor)

        def oracle() -> str:
            return next(str(r.safety) for r in obs.services.safety.verdict().reasons if r.quantity == "oracle")

        until(lambda: obs.services.safety.verdict().safe, "safe")
        assert oracle() == "safe"
        humidity = next(r for r in obs.services.safety.verdict().reasons if r.quantity == "humidity")
        assert len(humidity.parts) == 2  # the PLC's, and the station's
        with obs.simulators.control() as control:
            control.set_weather("rain", True)
            until(lambda: oracle() == "unsafe", "the monitor says no")
            assert re.search("oracle: not safe: .*rain", str(obs.services.safety.verdict()))
            control.set_weather("rain", None)
            until(lambda: oracle() == "safe", "the monitor says yes again")
            control.mute("plc")
            until(lambda: oracle() == "unknown", "its silence is not safe")
            control.unmute("plc")
    obs.check()


def test_what_cannot_be_reached_is_one_tree_and_observing_starts_with_the_rest(
    tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    load(store, fixture_path("initial_fixture.json"))
    with store.session(read_only=True) as session:
        site = session.scalars(select(Site)).one()
    obs = Observatory(tmp_path, simulate=False, alert_port=0)
    simulators = SimulatorProcess(store, site, Clock(), tmp_path / "simulators.log")
    try:
        addresses = simulators.start()
        with store.session() as session:
            for row in session.scalars(select(Device)):
                row.address = addresses[row.name]
                if row.name in ("focuser", "camera_nir"):
                    row.address = f"indi://127.0.0.1:{free_port}/Nobody"
        store.close()
        with obs:
            assert usable(obs) == 8
            assert obs.devices.missing_blocking() == []
            line = next(one.text for one in obs.snapshot().log if "can't be reached" in one.text)
            assert line.startswith("2 of 10 devices can't be reached:\n├─ telescope  pyros://")
            for name in ("focuser", "camera_nir"):
                why = rf"─ {name}  indi://127.0.0.1:{free_port}/Nobody  NotConnected: nobody answers at 127"
                assert re.search(why, line)
                assert re.search(why, repr(obs.devices))
            assert repr(obs.devices).startswith("8 of 10 devices can be used:")
    finally:
        simulators.stop()


def test_killed_simulators_are_seen_and_all_goes_on_when_they_are_back(obs: Observatory) -> None:
    obs.observe()
    running = until(lambda: [s.id for s in obs.snapshot().placed if s.status == "executing"], "a sequence executes")[0]
    camera = obs.devices["camera_vis"]
    pid = obs.simulators.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    instruments = [member.instrument for member in obs.devices.members.values()]
    until(lambda: not any(one.connected for one in instruments), "all are lost", SEEN_S + SPARE_S)
    with pytest.raises(NotConnected):
        camera.state()
    until(lambda: status(obs) != "observing", "the night holds")
    images = obs.summary()["images"]["total"]
    seen = obs.snapshot()
    now = next(s for s in (*seen.placed, *seen.rejected) if s.id == running)
    assert now.status != "executed", "what was cut off is not done"
    assert obs.simulators.pid is None
    obs.simulators.start()
    until(lambda: usable(obs) == 10, "all are back")
    assert obs.simulators.pid not in (None, pid)
    until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "it observes again", 90)
    assert obs.summary()["images"]["total"] >= images
