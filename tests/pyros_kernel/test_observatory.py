"""The observatory as a whole: start, trouble, alert, stop; real simulators, real agents, real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from astropy.io import fits
from sqlalchemy import select

from instruments import Shutter
from pyros_kernel import Observatory
from pyros_kernel.agents import AgentConfig
from pyros_kernel.lock import Held
from pyros_kernel.observatory import Defects, NotStarted
from pyros_kernel.opening import fixture_path
from pyros_kernel.snapshot import DeviceView
from pyros_kernel.store import Device, Image, Store, load
from tests.waiting import status, until

BURST = "swift_bat_grb_1125809.xml"
MIDNIGHT = "2022-09-30T08:00:00"


def reason(obs: Observatory) -> str:
    night = obs.snapshot().night
    return night.reason if night else ""


def device(obs: Observatory, name: str) -> DeviceView:
    return next(d for d in obs.snapshot().devices if d.name == name)


def shutter(obs: Observatory) -> Shutter:
    return obs.services.devices.dome.state().shutter.value


@pytest.fixture
def obs(tmp_path: Path) -> Iterator[Observatory]:
    """Give an observatory in the middle of the night, at a speed where ages still matter."""
    observatory = Observatory(tmp_path, start=MIDNIGHT, speed=100, fixtures=("night_2022-09-29.json",))
    with observatory:
        yield observatory
    observatory.check()


def observing(obs: Observatory) -> Observatory:
    obs.observe()
    until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
    return obs


def test_it_starts_and_stops_and_starts_again_at_once(tmp_path: Path) -> None:
    observatory = Observatory(tmp_path, start=MIDNIGHT, speed=100)
    with pytest.raises(NotStarted, match=r"obs\.start\(\)"):
        observatory.observe()
    assert not observatory.snapshot().running
    for _ in range(2):
        observatory.start()
        assert observatory.start() is observatory
        snapshot = observatory.snapshot()
        assert snapshot.running and snapshot.site == "San Pedro Mártir"
        assert [d.name for d in snapshot.devices if not d.connected] == []
        assert {a.name for a in snapshot.agents} == {"monitoring", "scheduler", "majordome", "alert_manager", "watcher"}
        observatory.stop()
        observatory.stop()
        assert not observatory.snapshot().running
    observatory.check()


def test_a_second_observatory_is_told_who_holds_the_data(obs: Observatory) -> None:
    with pytest.raises(Held, match=str(os.getpid())):
        Observatory(obs.settings.data).start()
    assert obs.running


def test_it_observes_and_keeps_images_with_their_rows(obs: Observatory) -> None:
    observing(obs)
    of_a_plan = "2022-09-29/images/*_light_s*.fits"  # and not of what comes before: focusing and centring
    until(lambda: len(list(obs.settings.data.glob(of_a_plan))) >= 2, "two images")
    path = next(obs.settings.data.glob(of_a_plan))
    with fits.open(path) as hdus:
        header = hdus[0].header
    assert header["SITENAME"] == "San Pedro Mártir" or header["SITENAME"].startswith("San Pedro")
    assert {"SEQID", "PLANID", "DATE-OBS", "AIRMASS", "CRVAL1"} <= set(header)
    until(lambda: list(obs.settings.data.rglob("*.part")) == [], "nothing stays half written")


def test_an_image_that_a_crash_left_without_a_quick_look_gets_it_at_the_next_start(obs: Observatory) -> None:
    def images() -> list[Image]:
        with obs.store.session(read_only=True) as session:
            return list(session.scalars(select(Image).where(Image.plan_id.is_not(None)).order_by(Image.id)))

    observing(obs)
    until(lambda: any(image.quicklook for image in images()), "an image with its quick-look")
    left = images()[0]
    obs.stop_night("the test ends")
    until(lambda: status(obs) == "closed", "the night has ended")
    with obs.store.session() as session:
        session.get_one(Image, left.id).quicklook = {}
    obs.stop()
    obs.start()
    until(lambda: "stars" in images()[0].quicklook, "it has its quick-look")


def test_rain_closes_and_dry_weather_opens_again(obs: Observatory) -> None:
    observing(obs)
    with obs.simulators.control() as control:
        control.set_weather("rain", True)
        until(lambda: status(obs) == "paused" and shutter(obs) is Shutter.CLOSED, "paused and closed")
        assert "rain: yes" in reason(obs)
        until(
            lambda: not any(s.status == "executing" for s in obs.snapshot().placed), "what ran has said its last words"
        )
        control.set_weather("rain", None)
    until(lambda: "re-open delay" in reason(obs), "the delay is explained")
    until(lambda: status(obs) == "observing", "observing again", 40)


def test_a_silent_plc_is_unsafe_and_closes(obs: Observatory) -> None:
    observing(obs)
    with obs.simulators.control() as control:
        control.mute("plc")
        until(lambda: status(obs) == "paused" and shutter(obs) is Shutter.CLOSED, "paused and closed")
        until(lambda: not device(obs, "plc").connected and device(obs, "plc").stale, "the PLC shows as missing")
        control.unmute("plc")
    until(lambda: device(obs, "plc").connected, "the PLC is back")


def test_frozen_weather_is_unsafe_and_closes(obs: Observatory) -> None:
    observing(obs)
    with obs.simulators.control() as control:
        control.freeze("plc")
        until(lambda: status(obs) == "paused" and shutter(obs) is Shutter.CLOSED, "paused and closed")
        assert "s old, limit" in reason(obs)
        control.thaw("plc")
    until(lambda: status(obs) == "observing", "observing again", 40)


def test_a_telescope_that_leaves_pauses_and_is_taken_back(obs: Observatory) -> None:
    observing(obs)
    with obs.simulators.control() as control:
        control.stop("telescope")
        until(lambda: status(obs) == "paused", "paused")
        until(lambda: shutter(obs) is Shutter.CLOSED, "closed without a telescope to park")
        until(lambda: "telescope" in reason(obs), "it says why")
        assert not device(obs, "telescope").connected
        assert obs.alerts.send(BURST).ack, "alerts go on"
        assert device(obs, "plc").connected, "monitoring goes on"
        control.start("telescope")
    until(lambda: status(obs) == "observing", "observing again", 40)


def test_a_camera_that_leaves_is_noted_and_the_rest_goes_on(obs: Observatory) -> None:
    with obs.simulators.control() as control:
        control.stop("camera_nir")
        until(lambda: not device(obs, "camera_nir").connected, "the camera shows as missing")
        observing(obs)
        until(lambda: obs.summary()["images"]["by_camera"].get("camera_vis", 0) >= 1, "a VIS image")
        assert status(obs) == "observing"
        control.start("camera_nir")
    until(lambda: device(obs, "camera_nir").connected, "the camera is taken back")


def test_an_alert_interrupts_and_the_telescope_slews(tmp_path: Path) -> None:
    observatory = Observatory(tmp_path, start="2022-09-30T11:00:00", speed=60, fixtures=("night_2022-09-29.json",))
    with observatory as obs:
        observing(obs)
        before = next(s for s in obs.snapshot().placed if s.status == "executing")
        assert ", 0 in the store>" in repr(obs.alerts)
        with pytest.raises(ValueError, match="'upstream' is no broker: write it as host:port"):
            obs.alerts.subscribe("upstream")
        assert obs.alerts.send(BURST).ack
        until(
            lambda: any(s.is_alert and s.status == "executing" for s in obs.snapshot().placed), "the burst is observed"
        )
        until(lambda: obs.snapshot().alerts[0].status == "observing", "the alert says so too")
        alert = obs.snapshot().alerts[0]
        steps = [alert.steps[step] for step in ("stored", "acknowledged", "decided", "interrupted", "slew_sent")]
        assert steps[0] <= steps[1] and steps[2] <= steps[3] <= steps[4]
        assert obs.alerts.send(BURST).ack, "a copy is acknowledged"
        until(lambda: obs.snapshot().alerts[0].status == "observed", "the burst was observed", 60)
        assert len(obs.snapshot().alerts) == 1
        assert ", 1 in the store, the last one ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809" in repr(obs.alerts)
        bursts = [fits.getheader(p) for p in obs.settings.data.glob("2022-09-29/images/*.fits")]
        bursts = [h for h in bursts if "1125809" in h.get("ALERTID", "") + h["OBJECT"]]
        assert bursts
        for header in bursts:
            assert header["SIM_RA"] == pytest.approx(64.7373, abs=0.01)
            assert header["SIM_DEC"] == pytest.approx(13.3517, abs=0.01)
        until(
            lambda: _status_of(obs, before.id) in ("planned", "observable", "executing", "executed"), "taken up again"
        )
        obs.check()


def _status_of(obs: Observatory, sequence_id: int) -> str:
    from pyros_kernel.store import Sequence

    with obs.store.session(read_only=True) as session:
        return session.get_one(Sequence, sequence_id).status.value


def test_pause_resume_and_stop_night_by_hand(obs: Observatory) -> None:
    run = obs.observe()
    until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
    obs.pause("looking at the sky")
    until(lambda: status(obs) == "paused" and "looking at the sky" in reason(obs), "paused")
    until(lambda: not any(s.status == "executing" for s in obs.snapshot().placed), "nothing executes")
    assert shutter(obs) is Shutter.OPEN, "a pause by hand leaves the dome open while it is safe"
    obs.resume()
    until(lambda: status(obs) == "observing", "observing")
    with pytest.raises(TimeoutError, match="goes on"):
        run.wait(0.05)
    obs.stop_night("bed time")
    assert run.wait(60) == "closed"
    assert shutter(obs) is Shutter.CLOSED
    assert (obs.settings.data / "2022-09-29" / "summary.json").is_file()
    again = obs.observe()
    until(lambda: status(obs) == "observing", "observing again")
    assert not again.ended


def test_abort_stops_all_motion_at_once(obs: Observatory) -> None:
    observing(obs)
    obs.abort("somebody is in the dome")
    until(lambda: status(obs) == "paused" and "somebody is in the dome" in reason(obs), "paused")
    until(lambda: not any(s.status == "executing" for s in obs.snapshot().placed), "nothing executes")


def test_a_defect_in_the_background_is_raised_by_check(tmp_path: Path) -> None:
    observatory = Observatory(tmp_path, start=MIDNIGHT, speed=100)
    with observatory as obs:
        run = obs.agents.agent("majordome")
        run.actions_by_message["Observe"] = lambda: 1 / 0
        obs.observe()
        until(lambda: obs.snapshot().errors, "the defect shows")
        with pytest.raises(Defects, match="division"):
            obs.check()
    with pytest.raises(Defects):
        observatory.check()


def test_real_instruments_know_no_other_night(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="real instruments"):
        Observatory(tmp_path, simulate=False, speed=10)


KERNEL = """
import sys, time
from sqlalchemy import select

from pyros_kernel import Observatory
from pyros_kernel.agents import AgentConfig
obs = Observatory(sys.argv[1], start="2022-09-30T08:00:00", speed=100, fixtures=("night_2022-09-29.json",))
obs.start(); obs.observe()
while not any(s.status == "executing" for s in obs.snapshot().placed):
    time.sleep(0.02)
print("OBSERVING", flush=True)
time.sleep(600)
"""


def test_a_killed_kernel_leaves_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(tmp_path)], stdout=subprocess.PIPE, start_new_session=True
    ) as kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == b"OBSERVING\n"
        children = psutil.Process(kernel.pid).children(recursive=True)
        assert children
        os.kill(kernel.pid, signal.SIGKILL)
        kernel.wait(10)
    until(
        lambda: not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children), "the simulators end"
    )
    with Observatory(tmp_path, start="2022-09-30T08:30:00", speed=100) as obs:
        assert not any(s.status == "executing" for s in obs.snapshot().placed)
        assert "interrupted by the last stop" in (obs.settings.data / "log" / "pyros.log").read_text()
        observing(obs)
    obs.check()


def test_it_starts_before_its_devices_and_takes_them_when_they_come(tmp_path: Path) -> None:
    AgentConfig.with_free_ports().write(tmp_path / "pyros_agent_config.ini")
    store = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    load(store, fixture_path("initial_fixture.json"))
    ports = iter(range(29000 + os.getpid() % 2000, 32000))
    with store.session() as session:
        for row in session.scalars(select(Device).where(Device.address != "")):
            row.address = f"pyros://127.0.0.1:{next(ports)}/{row.address.rpartition('/')[2]}"
    store.close()
    command = [sys.executable, "-m", "pyros_kernel.cli", "--data", str(tmp_path), "simulators"]
    with Observatory(tmp_path, simulate=False, alert_port=0) as obs:
        assert [d.name for d in obs.snapshot().devices if d.connected] == []
        assert "refused" in device(obs, "telescope").error
        assert "rain: no reading yet" in str(obs.snapshot().verdict)
        with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as simulators:
            until(lambda: all(d.connected for d in obs.snapshot().devices), "all devices are taken")
            until(lambda: obs.snapshot().verdict and obs.snapshot().verdict.safe, "safe, the guardian says so too")
            simulators.terminate()
        until(lambda: not any(d.connected for d in obs.snapshot().devices), "all devices are gone again")
    obs.check()


def test_by_day_it_is_the_coming_night(tmp_path: Path) -> None:
    with Observatory(tmp_path, start="2022-09-30T15:00:00", speed=100) as obs:  # an hour and a half after sunrise
        assert obs.services.night_name == "2022-09-30"
        obs.observe()
        until(lambda: "waiting for the evening twilight" in reason(obs), "it waits")


def test_earlier_data_are_set_aside_and_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with Observatory(tmp_path, start=MIDNIGHT, speed=100, fresh=True) as obs:
            assert obs.alerts.send(BURST).ack
            until(lambda: len(obs.summary()["alerts"]) == 1, "its row follows the journal")
    (earlier,) = (tmp_path / "earlier").iterdir()
    assert (earlier / "pyros.sqlite").is_file()


def test_progress_is_written_for_whoever_looks_from_outside(obs: Observatory) -> None:
    observing(obs)
    path = obs.settings.data / "progress.json"
    until(lambda: path.is_file() and json.loads(path.read_text())["status"] == "observing", "progress")


def test_a_missing_fixture_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        fixture_path("nothing.json")


def test_a_start_that_is_no_time_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'soon' is no time: write it as 2022-09-30T08:00:00, UTC"):
        Observatory(tmp_path, start="soon")


def test_fixtures_come_into_a_store_that_is_there_already(tmp_path: Path) -> None:
    """As in a data directory that `make setup` made, or after a first cell that named a fixture wrongly."""
    with pytest.raises(FileNotFoundError, match="nope"):
        Observatory(tmp_path, start=MIDNIGHT, speed=100, fixtures=("nope.json",)).start()
    with Observatory(tmp_path, start=MIDNIGHT, speed=100) as obs:
        assert not obs.summary()["sequences"]["all"]
    with Observatory(tmp_path, start=MIDNIGHT, speed=100, fixtures=("night_2022-09-29.json",)) as obs:
        obs.observe()
        until(lambda: len(obs.snapshot().placed) > 5, "the schedule has what the fixture asks for")
