"""An observatory that is guarded and commands: what the guardian did is seen, and who lost the lease keeps off."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from instruments import CameraActivity, Motion, NotConnected, Shutter
from pyros_kernel import Observatory
from pyros_kernel.lease import ControlLease, LeaseHeld, NotCommanding
from pyros_kernel.lock import Held
from pyros_kernel.recipes.standard.calibration import take_bias
from pyros_kernel.safety.guardian.line import Line
from pyros_kernel.store import Channel, Store
from tests.waiting import status, until


def shutter(obs: Observatory) -> Shutter:
    return obs.services.devices.dome.state().shutter.value


@pytest.fixture
def obs(tmp_path: Path) -> Iterator[Observatory]:
    with Observatory(
        tmp_path, start="2022-09-30T08:00:00", speed=100, fixtures=("night_2022-09-29.json",)
    ) as observatory:
        observatory.observe()
        until(lambda: any(s.status == "executing" for s in observatory.snapshot().placed), "a sequence executes")
        yield observatory


def test_a_dome_that_somebody_closed_ends_the_sequence_and_is_opened_again(obs: Observatory) -> None:
    line = Line("dome", obs.services.devices.members["dome"].instrument.address, 2.0)
    line.ask("DO", "CLOSE")
    line.close()
    # The pause may last less than a look at the status: the log keeps it.
    until(lambda: any("somebody closed the dome" in line.text for line in obs.snapshot().log), "it is noticed")
    until(lambda: status(obs) == "observing" and shutter(obs) is Shutter.OPEN, "opened again")
    assert not [s for s in obs.snapshot().placed if s.status == "failed"]


def test_a_telescope_that_somebody_parked_is_unparked_again(obs: Observatory) -> None:
    camera = obs.services.devices.cameras[Channel.VIS]
    until(lambda: camera.state().activity.value is CameraActivity.EXPOSING, "it exposes")
    line = Line("telescope", obs.services.devices.members["telescope"].instrument.address, 2.0)
    line.ask("DO", "PARK")
    line.close()
    until(lambda: any("somebody parked the telescope" in line.text for line in obs.snapshot().log), "it is noticed")
    telescope = obs.services.devices.telescope
    until(lambda: telescope.state().motion.value is Motion.TRACKING, "it tracks again")
    until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
    assert not [s for s in obs.snapshot().placed if s.status == "failed"]


def test_a_link_that_is_cut_while_the_telescope_is_unparked_costs_no_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Observatory(tmp_path, start="2022-09-30T08:00:00", speed=100, fixtures=("night_2022-09-29.json",)) as obs:
        telescope = type(obs.services.devices.telescope)
        unpark, cut = telescope.unpark, list[str]()

        def cut_once(self: Any) -> None:
            if not cut:
                cut.append("TELESCOPE DO UNPARK")
                raise NotConnected("telescope", cut[0], "the device closed the link")
            unpark(self)

        monkeypatch.setattr(telescope, "unpark", cut_once)
        obs.observe()
        until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
        assert cut and shutter(obs) is Shutter.OPEN
        assert obs.services.devices.telescope.state().motion.value is not Motion.PARKED
        assert not [s for s in obs.snapshot().placed if s.status == "failed"]


def test_a_guardian_that_is_killed_is_replaced_and_the_night_goes_on(obs: Observatory) -> None:
    guardian = obs.guardian
    assert guardian is not None and guardian.pid is not None
    first = guardian.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: guardian.pid not in (None, first), "another guardian")
    until(lambda: "guardian: safe" in [r.text for r in obs.services.safety.verdict().reasons], "it says safe")
    assert shutter(obs) is Shutter.OPEN
    until(lambda: status(obs) == "observing", "the night goes on")


def journal(data: Path) -> list[str]:
    return [json.loads(text)["what"] for text in (data / "log" / "guardian.log").read_text().splitlines()]


def test_who_lost_the_lease_is_refused_by_name_keeps_its_hands_off_and_watches(
    obs: Observatory, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = Store.open(obs.settings.database_url)
    other = ControlLease(theirs, "headless")
    with pytest.raises(LeaseHeld, match=rf"process {os.getpid()} .* commands since"):
        other.acquire()
    other.break_glass("the first one answers nobody")
    obs.lease.renew()
    with pytest.raises(NotCommanding, match=r"^observe refused: .*\(headless\)"):
        obs.observe()
    with pytest.raises(NotCommanding, match=r"^abort refused"):
        obs.abort()
    until(lambda: obs.watching, "it watches", 60.0)
    with pytest.raises(NotCommanding, match=r"^observe refused: .*\(headless\)"):
        obs.observe()
    assert "(headless)" in str(obs.snapshot().lease)
    assert journal(obs.settings.data)[-1] == "relieved" and "closing" not in journal(obs.settings.data)
    assert not [r for r in caplog.records if r.message.startswith("closing:")], "the dome is the other one's"
    other.release()
    theirs.close()


def test_a_second_one_watches_is_refused_by_name_rehearses_and_takes_over(obs: Observatory) -> None:
    second = Observatory(obs.settings.data, start="2022-09-30T08:30:00", speed=100)
    with pytest.raises(Held, match=rf"process {os.getpid()} .*watch"):
        second.start()
    try:
        second.watch()
        until(lambda: any(s.status == "executing" for s in second.snapshot().placed), "it sees the running sequence")
        until(lambda: (v := second.snapshot().verdict) is not None and v.safe, "it judges by its own links")
        until(lambda: any(d.connected for d in second.snapshot().devices), "it sees the devices")
        until(
            lambda: any("exposure" in d.values and "exposure" in d.state for d in second.snapshot().devices),
            "it knows how long an exposure is that the first one began",
        )
        with pytest.raises(NotCommanding, match=rf"^stop night refused: .*process {os.getpid()} \(program\)"):
            second.stop_night()
        second.lease.ask("my burst")
        until(lambda: "asks for it: my burst" in str(obs.snapshot().lease), "the commander sees who asks")
        timeline = take_bias.start(second, count=1)
        assert timeline.recipe == "take_bias" and timeline.ok
        assert status(obs) == "observing", "and nothing of it touched the real night"
        second.take_over("the other one sleeps")
        assert second.running and second.lease.held and not second.watching
        until(lambda: obs.watching, "the first one watches", 60.0)
        assert second.lease.me in str(obs.snapshot().lease)
    finally:
        second.stop()


def test_a_night_whose_store_is_away_closes_in_rain_by_itself(
    obs: Observatory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not left to the guardian: a step that can't write the night's state must still come to closing."""
    session = obs.store.session

    def away(*, read_only: bool = False) -> object:
        if not read_only:
            raise OperationalError("UPDATE night", {}, OSError("server closed the connection unexpectedly"))
        return session(read_only=True)

    monkeypatch.setattr(type(obs.store), "session", lambda _self, **how: away(**how))
    with obs.simulators.control() as control:
        control.set_weather("rain", True)
    until(lambda: shutter(obs) is Shutter.CLOSED, "it is closed")
    until(lambda: any(r.name.endswith("enclosure") and "closing: unsafe" in r.message for r in caplog.records), "by it")
    monkeypatch.undo()
    until(lambda: status(obs) == "paused", "the night says so once it can")

    def told() -> list[str]:
        return [r.message for r in caplog.records if r.name.endswith("night_record") and "the store is" in r.message]

    until(lambda: len(told()) >= 2, "it says that the store is back")
    assert len(told()) == 2 and "has to wait" in told()[0] and "goes on" in told()[1], "an outage is told once"
    obs.check()
