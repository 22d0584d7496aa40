"""A run from the outside: it returns at once, is paused, aborted, interrupted by weather and alerts, and resumed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from astropy import units as u

from instruments import InstrumentError
from pyros_kernel import Observatory
from pyros_kernel.recipes import (
    Needs,
    RecipeAborted,
    RecipeInterrupted,
    Refused,
    Steps,
    UnknownRecipe,
    end_all,
    enqueue,
    find,
    observe,
    pointing_run,
    recipe,
    resume,
    run_by_name,
    running,
    take_darks,
    time_series,
    unfinished,
)
from pyros_kernel.recipes.loan import NightLoan
from pyros_kernel.recipes.standard.frames import Seconds
from pyros_kernel.store import Image, RecipeRecord, RecipeStatus
from tests.waiting import status, until


@recipe(needs=Needs.NOTHING)
def count_up(steps: Steps, to: int = 3, each: Seconds = 10 * u.s, fail_at: int = 0) -> list[int]:
    """Count, a step each."""
    steps.expect(to, to * each)

    def one(n: int) -> int:
        steps.sleep(each)
        if n == fail_at and not (steps.services.settings.data / "mended").exists():
            raise ValueError(f"{n} is a bad number")
        return n * n

    return [steps.step(f"count {n}", lambda n=n: one(n)) for n in range(1, to + 1)]


@recipe(needs=Needs.NOTHING)
def not_json(steps: Steps) -> None:
    """Give something that can't be kept."""
    steps.step("odd", lambda: object())


def stored(obs: Observatory, run_id: int) -> RecipeRecord:
    with obs.store.session(read_only=True) as session:
        return session.get_one(RecipeRecord, run_id)


def test_start_returns_at_once_and_the_handle_tells_how_far_it_is(obs: Observatory) -> None:
    run = count_up.start(obs, to=4, each="100 s")
    assert not run.ended and run.state == "running" and run in running(obs.services)
    assert repr(run) == "<recipe count_up: running>"
    with pytest.raises(TimeoutError, match="goes on"):
        run.wait(0.01)
    until(lambda: run.progress >= 0.5, "half of it")
    assert run.eta is not None and run.eta > 0 * u.s
    shown = run._repr_mimebundle_()
    assert shown["text/plain"] == "<recipe count_up: running>" and "<progress" in shown["text/html"]
    assert run.wait(10) == [1, 4, 9, 16]
    assert (run.state, run.progress, run.eta) == ("done", 1.0, None)
    assert stored(obs, run.id).status is RecipeStatus.DONE and stored(obs, run.id).result == [1, 4, 9, 16]
    assert [(s.name, s.status, s.tries) for s in run.steps] == [(f"count {n}", "done", 1) for n in (1, 2, 3, 4)]
    until(lambda: not [t for t in threading.enumerate() if f"recipe-{run.id}" in t.name], "its threads end")


def test_it_can_be_awaited_and_a_cancelled_wait_aborts_it(obs: Observatory) -> None:
    async def both() -> list[int]:
        return await count_up.start(obs, to=2, each="1 s")

    assert asyncio.run(both()) == [1, 4]
    run = count_up.start(obs, to=2, each="1000000 s")

    async def cancelled() -> None:
        waiting = asyncio.ensure_future(run._wait_later())
        await asyncio.sleep(0.05)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    with pytest.raises(RecipeAborted, match="interrupted by hand"):
        run.wait(10)


def test_an_interrupt_of_the_wait_aborts_it(obs: Observatory) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without
    run = count_up.start(obs, each="1000000 s")
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run.wait(10)
    timer.join()
    with pytest.raises(RecipeAborted, match="interrupted by hand"):
        run.wait(10)


def test_pause_is_honoured_between_steps(obs: Observatory) -> None:
    run = count_up.start(obs, to=3, each="60 s")
    run.pause("tea")
    until(lambda: stored(obs, run.id).status is RecipeStatus.PAUSED, "paused")
    assert (run.state, run.reason) == ("paused", "tea")
    done = [s.status.value for s in run.steps]
    with pytest.raises(TimeoutError):
        run.wait(0.6)  # two steps' worth of the observatory's time
    assert [s.status.value for s in run.steps] == done and "running" not in done
    run.resume()
    assert run.wait(10) == [1, 4, 9]


def test_a_paused_run_can_be_aborted_and_the_reason_is_kept(obs: Observatory) -> None:
    run = count_up.start(obs, to=3, each="10 s")
    run.pause()
    run.abort("wrong field")
    run.abort("too late to count")
    with pytest.raises(RecipeAborted, match=r"^wrong field$"):
        run.wait(10)
    row = stored(obs, run.id)
    assert (row.status, row.reason, run.state) == (RecipeStatus.ABORTED, "wrong field", "aborted")


def test_a_failed_run_goes_on_where_it_failed(obs: Observatory, caplog: pytest.LogCaptureFixture) -> None:
    run = count_up.start(obs, to=3, each="1 s", fail_at=2)
    with pytest.raises(ValueError, match="bad number"):
        run.wait(10)
    assert stored(obs, run.id).status is RecipeStatus.FAILED
    obs.services.logbook.defects.clear()  # it is one, and check() would say so
    (obs.settings.data / "mended").touch()
    assert resume(obs, run.id).wait(10) == [1, 4, 9]
    assert [s.tries for s in run.steps] == [1, 2, 1]
    with pytest.raises(Refused, match="nothing to resume"):
        resume(obs, run.id)
    with pytest.raises(Refused, match="no run 999"):
        resume(obs, 999)


def test_a_result_that_cannot_be_kept_is_named(obs: Observatory) -> None:
    with pytest.raises(TypeError, match="step 'odd'"):
        not_json.start(obs).wait(10)
    obs.services.logbook.defects.clear()


def test_by_name_from_json_and_from_the_queue(obs: Observatory) -> None:
    arguments = {"to": 2, "each": "1 s"}
    assert run_by_name("count_up", arguments, obs) == [1, 4]
    queued = enqueue(obs.services, "count_up", arguments)
    assert stored(obs, queued).status is RecipeStatus.QUEUED
    assert resume(obs, queued).wait(10) == [1, 4]
    with pytest.raises(UnknownRecipe, match=r"no recipe 'nothing'.*observe"):
        run_by_name("nothing", {}, obs)


def test_a_recipe_in_a_file_of_ones_own(obs: Observatory, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\nfrom pyros_kernel.recipes import recipe, Steps\n"
        "@recipe(needs='nothing')\ndef double(steps: Steps, n: int) -> int:\n    '''Double.'''\n"
        "    return steps.step('double', lambda: 2 * n)\n"
    )
    assert run_by_name(f"{path}:double", {"n": "21"}, obs) == 42
    for wrong in (f"{path}:treble", f"{tmp_path}/none.py:double", "no_such_module:double"):
        with pytest.raises(UnknownRecipe):
            find(wrong)


def test_one_recipe_at_a_time_has_the_telescope(obs: Observatory) -> None:
    run = time_series.start(obs, target="M 31", exposure="1000 s", count=2)
    with pytest.raises(Refused, match=f"recipe time_series \\(run {run.id}\\) has the telescope"):
        observe.start(obs, target="M 33")
    assert count_up.start(obs, to=1, each="1 s").wait(10) == [1], "who needs no telescope may run"
    end_all(obs.services, "enough")
    with pytest.raises(RecipeAborted, match="enough"):
        run.wait(0)


def test_a_hand_pause_of_the_night_holds_the_recipe_too(obs: Observatory) -> None:
    run = time_series.start(obs, target="M 31", exposure="60 s", count=4)
    until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
    obs.pause("somebody is in the dome")
    until(lambda: run.state == "waiting" and "somebody is in the dome" in run.reason, "held")
    obs.resume()
    assert len(run.wait(30)["images"]) == 4
    assert any(s.tries > 1 for s in run.steps), "what was stopped is done again"


def test_without_an_open_dome_it_is_refused_in_words(fresh: Observatory) -> None:
    with pytest.raises(Refused, match=r"the night is closed: call obs\.observe\(\) first"):
        observe.start(fresh, target="M 31").wait(10)
    fresh.observe()
    until(lambda: status(fresh) == "observing", "observing")
    with pytest.raises(Refused, match="needs the dome closed, and the night is observing"):
        take_darks.start(fresh).wait(10)
    with pytest.raises(Refused, match="this process can't ask it"):
        observe.start(fresh.services, target="M 31").wait(10)


def test_rain_takes_the_telescope_away_and_gives_it_back(fresh: Observatory) -> None:
    fresh.observe()
    run = time_series.start(fresh, target="M 31", exposure="300 s", count=2)
    until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
    with fresh.simulators.control() as control:
        control.set_weather("rain", True)
        until(lambda: run.state == "waiting" and "rain" in run.reason, "it waits")
        until(lambda: fresh.services.devices.dome.state().shutter.value == "closed", "closed")
        control.set_weather("rain", None)
        assert len(run.wait(60)["images"]) == 2
    tries = {s.name: s.tries for s in run.steps}
    assert tries["slew to M 31"] == 2 and tries["VIS: frame 1"] == 2
    fresh.stop_night("bed time")


def test_the_end_of_the_night_interrupts_it_for_another_night(fresh: Observatory) -> None:
    fresh.observe()
    run = time_series.start(fresh, target="M 31", exposure="600 s", count=5)
    until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
    fresh.stop_night("bed time")
    with pytest.raises(RecipeInterrupted, match="bed time"):
        run.wait(30)
    assert [r.id for r in unfinished(fresh.store)] == [run.id]


def test_a_stopped_observatory_leaves_it_to_be_resumed(tmp_path: Path) -> None:
    observatory = Observatory(tmp_path, start="2022-09-30T08:00:00", speed=200)
    with observatory as obs:
        obs.observe()
        run = time_series.start(obs, target="M 31", exposure="600 s", count=4)
        until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
    with pytest.raises((InstrumentError, RecipeInterrupted)):
        run.wait(10)
    with observatory as obs:
        again = count_up.start(obs, to=1, each="1000000 s")
        end_all(obs.services, "the observatory goes down", resumable=True)
        with pytest.raises(RecipeInterrupted, match="goes down"):
            again.wait(0)
        assert [r.id for r in unfinished(obs.store)][-1] == again.id
        obs.observe()
        until(lambda: status(obs) == "observing", "observing")
        on = resume(obs, run.id)
        until(lambda: any(s.name.endswith("frame 1") and s.tries == 2 for s in on.steps), "it goes on")
        on.abort("shown")
        with pytest.raises(RecipeAborted):
            on.wait(10)
    observatory.check()


def test_an_alert_goes_first(tmp_path: Path) -> None:
    with Observatory(tmp_path, start="2022-09-30T11:00:00", speed=60) as obs:
        obs.observe()
        run = time_series.start(obs, target="M 42", exposure="300 s", count=2)
        until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
        assert obs.alerts.send("swift_bat_grb_1125809.xml").ack
        until(lambda: run.state == "waiting" and "alert 1 is observed first" in run.reason, "it gives way")
        until(lambda: any(s.is_alert and s.status == "executing" for s in obs.snapshot().placed), "the burst")
        run.abort("seen enough")
        with pytest.raises(RecipeAborted):
            run.wait(10)
        obs.check()


def test_a_recipe_that_has_given_the_telescope_back_does_not_ask_for_it_again(
    obs: Observatory, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_back, pause, done = NightLoan.give_back, Observatory.pause, list[str]()

    def slowly(loan: NightLoan) -> None:
        give_back(loan)
        until(lambda: status(obs) == "observing", "the night goes on")
        done.append("given back")
        time.sleep(0.5)  # on a busy machine the run's own end comes as late; its watch looks ten times meanwhile

    def noted(asked: Observatory, reason: str = "by hand") -> None:
        done.append(reason)
        pause(asked, reason)

    monkeypatch.setattr(NightLoan, "give_back", slowly)
    monkeypatch.setattr(Observatory, "pause", noted)
    pointing_run.start(obs, points=1, exposure="1 s").wait(60)
    assert "recipe pointing_run" in done
    assert done[-1] == "given back"


KILLED = """
import sys, time
from instruments import InstrumentError
from pyros_kernel import Observatory
from pyros_kernel.recipes import take_darks
obs = Observatory(sys.argv[1], start="2022-09-30T08:00:00", speed=100)
obs.start()
run = take_darks.start(obs, exposure="60 s", count=4, channels="VIS")
while sum(step.status.value == "done" for step in run.steps) < 2:
    time.sleep(0.02)
print("TWO", flush=True)
time.sleep(600)
"""


def test_a_killed_run_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, start_new_session=True
    ) as kernel:
        assert kernel.stdout is not None and kernel.stdout.readline() == b"TWO\n"
        os.kill(kernel.pid, signal.SIGKILL)
        kernel.wait(10)
    with Observatory(tmp_path, start="2022-09-30T08:30:00", speed=300) as obs:
        (left,) = unfinished(obs.store)
        assert (left.name, left.reason) == ("take_darks", "its process ended while it ran")
        run = resume(obs, left.id)
        assert run.wait(60)["masters"] == {"VIS": "2022-09-29/calibration/master_dark_camera_vis.fits"}
        tries = {step.name: step.tries for step in run.steps}
        assert tries["VIS: dark 1"] == tries["VIS: dark 2"] == 1 and tries["VIS: master"] == 1
        with obs.store.session(read_only=True) as session:
            assert session.query(Image).count() == 4, "as the third was killed while it was exposed"
    obs.check()


KILLED_BEFORE_ITS_STEP_WAS_DONE = """
import os, signal, sys, time
from pyros_kernel import Observatory
from pyros_kernel.recipes import take_darks
from pyros_kernel.recipes.ledger import Ledger
end = Ledger.end
def end_but_for_the_third(self, name, *more, **how):
    if name == "VIS: dark 3":
        os.kill(os.getpid(), signal.SIGKILL)
    end(self, name, *more, **how)
Ledger.end = end_but_for_the_third
obs = Observatory(sys.argv[1], start="2022-09-30T08:00:00", speed=100)
obs.start()
take_darks.start(obs, exposure="60 s", count=4, channels="VIS")
time.sleep(600)
"""


def test_a_frame_that_was_kept_before_its_step_was_done_is_not_taken_again(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_BEFORE_ITS_STEP_WAS_DONE, str(tmp_path)], start_new_session=True
    ) as kernel:
        assert kernel.wait(60) == -signal.SIGKILL
    with Observatory(tmp_path, start="2022-09-30T08:30:00", speed=300) as obs:
        run = resume(obs, unfinished(obs.store)[0].id)
        assert run.wait(60)["masters"]
        tries = {step.name: step.tries for step in run.steps}
        assert [tries[f"VIS: dark {n}"] for n in (1, 2, 3, 4)] == [1, 1, 2, 1]
        with obs.store.session(read_only=True) as session:
            images = session.query(Image).order_by(Image.start).all()
        assert [image.step for image in images] == [f"{run.id} VIS: dark {n}" for n in (1, 2, 3, 4)]
    obs.check()
