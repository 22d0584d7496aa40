"""The work of a night in workers, beside a running observatory with simulated instruments."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from astropy.io import fits
from sqlalchemy import select

from instruments import CameraActivity, Motion
from pyros_kernel import Observatory
from pyros_kernel.recipes import enqueue
from pyros_kernel.scheduling.sequences import images_taken
from pyros_kernel.settings import ROOT
from pyros_kernel.store import (
    Album,
    Channel,
    Image,
    Plan,
    PlanStatus,
    RecipeRecord,
    RecipeStatus,
    Schedule,
    Sequence,
    SequenceStatus,
)
from pyros_kernel.store.request import OBSERVE
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.context import read_context, write_context
from pyros_kernel.tasks.queues import reference, routes
from pyros_kernel.tasks.results import TaskLost
from pyros_kernel.tasks.stages import sequence_chain
from tests.waiting import until

EVENING = "2022-09-30T04:00:00"  # a whole night lies before it
WAIT_S = 40.0
STAGES = {"slew", "end_sequence", "give_up_sequence"}  # of the chain of a sequence: they share its queue
KINDS = {
    "analysis",
    "create_calibrations",
    "execute_plan_nir",
    "execute_plan_vis",
    "execute_sequence",
    "monitoring",
    "run_recipe",
    "scheduling",
    "system_pause",
}


@pytest.fixture(autouse=True)
def no_leaks() -> None:
    """Not here: a worker replaces its process within a test."""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    data = tmp_path_factory.mktemp("night")
    fixtures = ("night_2022-09-29.json",)
    with (
        pytest.MonkeyPatch.context() as patch,
        Observatory(data, start=EVENING, speed=100, fixtures=fixtures) as obs,
    ):
        patch.delenv("PYROS_BROKER_URL", raising=False)
        members = obs.services.devices.members
        take_back = write_context(obs.services, {name: m.instrument.address for name, m in members.items()})
        with Workers(obs.settings):
            yield obs
        take_back()
        assert read_context(data) is None
        app.use(None)


@pytest.fixture
def obs(night: Observatory) -> Iterator[Observatory]:
    yield night
    app.let_go()


def _send(name: str, *args: Any) -> Any:
    return app.tasks[name].delay(*args)


def _plan(obs: Observatory, channel: Channel, *, least: int = 1) -> int:
    with obs.store.session(read_only=True) as session:
        plans = session.scalars(select(Plan).where(Plan.status == PlanStatus.PENDING)).all()
        chosen = [p for p in plans if p.album.channel is channel and p.number_of_images >= least]
        return min(chosen, key=lambda p: p.number_of_images * p.exposure_time_s).id


def test_every_kind_has_a_queue_of_its_own_with_one_worker() -> None:
    found = [r for r in routes(app) if "." not in r.task and r.task not in STAGES]
    assert {r.queue for r in routes(app) if r.task in STAGES} == {"sequence_q"}
    assert {r.task for r in found} == KINDS
    assert len({r.queue for r in found}) == len(KINDS)
    assert all(r.does for r in found)
    assert app.conf.worker_concurrency == app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]


def test_the_reference_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "reference" / "tasks.md").read_text(encoding="utf-8")
    rows = [line for line in reference(app).splitlines() if "`operations." not in line and "`benchmarks." not in line]
    assert page.splitlines() == rows


def test_scheduling(obs: Observatory) -> None:
    schedule_id = _send("scheduling", "a test").get(timeout=WAIT_S)
    with obs.store.session(read_only=True) as session:
        assert session.get_one(Schedule, schedule_id).night_id == obs.services.night_id


def test_monitoring_asks_every_device(obs: Observatory) -> None:
    assert _send("monitoring").get(timeout=WAIT_S) == dict.fromkeys(obs.services.devices.members, "ok")


def test_a_plan_is_executed_and_each_image_analysed_by_a_task_of_its_own(obs: Observatory) -> None:
    plan_id = _plan(obs, Channel.VIS)
    took = _send("execute_plan_vis", plan_id).get(timeout=WAIT_S)
    assert took >= 1

    def analysed() -> bool:
        with obs.store.session(read_only=True) as session:
            images = session.scalars(select(Image).where(Image.plan_id == plan_id)).all()
        return len(images) == took and all(image.quicklook for image in images)

    until(analysed)


def test_a_plan_of_the_other_channel_is_refused(obs: Observatory) -> None:
    with pytest.raises(ValueError, match="send it to the other queue"):
        _send("execute_plan_nir", _plan(obs, Channel.VIS)).get(timeout=WAIT_S)


def test_revoking_a_plan_ends_the_exposure_and_keeps_its_part_labelled(obs: Observatory) -> None:
    plan_id = _plan(obs, Channel.VIS, least=2)
    with obs.store.session() as session:
        session.get_one(Plan, plan_id).exposure_time_s = 3000.0
    camera = obs.services.devices.cameras[Channel.VIS]
    result = _send("execute_plan_vis", plan_id)
    until(lambda: camera.state().activity.value is CameraActivity.EXPOSING)
    result.revoke(terminate=True)
    until(lambda: result.state == "REVOKED")
    assert camera.state().activity.value is CameraActivity.IDLE
    with obs.store.session(read_only=True) as session:
        plan = session.get_one(Plan, plan_id)
        assert plan.status is PlanStatus.INTERRUPTED
        (image,) = session.scalars(select(Image).where(Image.plan_id == plan_id)).all()
        assert images_taken(session, [plan.album.sequence]).get(plan_id, 0) == 0  # it is to be taken again, whole
    assert not image.complete
    assert 0 < image.exposure_time_s < 3000.0
    assert image.path.endswith("_partial.fits")
    header = fits.getheader(obs.settings.data / image.path)
    assert (header["COMPLETE"], header["EXPTIME"]) == (False, image.exposure_time_s)


def test_a_plan_whose_worker_is_killed_is_marked_and_put_right(obs: Observatory) -> None:
    plan_id = _plan(obs, Channel.NIR, least=2)
    with obs.store.session() as session:
        session.get_one(Plan, plan_id).exposure_time_s = 3000.0
    camera = obs.services.devices.cameras[Channel.NIR]
    result = _send("execute_plan_nir", plan_id)
    until(lambda: camera.state().activity.value is CameraActivity.EXPOSING)
    os.kill(int(ledger.read(result.id).worker.rpartition(":")[2]), signal.SIGKILL)
    with pytest.raises(TaskLost, match="its worker"):
        result.get(timeout=WAIT_S)

    def status() -> PlanStatus:
        with obs.store.session(read_only=True) as session:
            return session.get_one(Plan, plan_id).status

    until(lambda: status() is PlanStatus.INTERRUPTED)
    camera.abort("the test is over")


def test_revoking_a_sequence_puts_it_back(obs: Observatory) -> None:
    _send("scheduling", "a test").get(timeout=WAIT_S)
    with obs.store.session(read_only=True) as session:
        sequence_id = session.scalars(select(Sequence.id).where(Sequence.status == SequenceStatus.PLANNED)).first()
    obs.services.devices.telescope.unpark()
    result = _send("execute_sequence", sequence_id)

    def status() -> SequenceStatus:
        with obs.store.session(read_only=True) as session:
            return session.get_one(Sequence, sequence_id).status

    until(lambda: status() is SequenceStatus.EXECUTING or result.ready())
    assert not result.ready(), result.result
    result.revoke(terminate=True)
    until(lambda: result.state == "REVOKED")
    assert status() is SequenceStatus.OBSERVABLE


def _next_sequence(obs: Observatory) -> int:
    """Give a planned sequence of both channels; one that waits is planned by hand if the night has no room."""
    _send("scheduling", "a test").get(timeout=WAIT_S)
    with obs.store.session() as session:
        wanted = (SequenceStatus.PLANNED, SequenceStatus.OBSERVABLE)
        found = session.scalars(select(Sequence).where(Sequence.status.in_(wanted)).order_by(Sequence.status.desc()))
        of_both = (s for s in found if {album.channel for album in s.albums} == set(Channel))
        chosen = next(s for s in of_both if s.recipe == OBSERVE)
        if chosen.status is SequenceStatus.OBSERVABLE:
            chosen.become(SequenceStatus.PLANNED)
        return chosen.id


def _make_short(obs: Observatory, sequence_id: int, seconds: float) -> None:
    with obs.store.session() as session:
        for plan in (p for a in session.get_one(Sequence, sequence_id).albums for p in a.plans):
            plan.exposure_time_s, plan.number_of_images = seconds, 1


def _sequence_status(obs: Observatory, sequence_id: int) -> SequenceStatus:
    with obs.store.session(read_only=True) as session:
        return session.get_one(Sequence, sequence_id).status


def test_a_sequence_is_a_chain_of_slew_plans_side_by_side_and_analyses(obs: Observatory) -> None:
    sequence_id = _next_sequence(obs)
    _make_short(obs, sequence_id, 10.0)
    obs.services.devices.telescope.unpark()
    assert sequence_chain(sequence_id, obs.store).apply_async().get(timeout=2 * WAIT_S) == "executed"

    def analysed() -> bool:
        plans = select(Plan.id).join(Album).where(Album.sequence_id == sequence_id)
        with obs.store.session(read_only=True) as session:
            images = session.scalars(select(Image).where(Image.plan_id.in_(plans), Image.complete)).all()
        return {image.camera for image in images} == {"camera_vis", "camera_nir"} and all(i.quicklook for i in images)

    until(analysed)


def test_revoking_a_plan_of_a_chain_puts_its_sequence_back(obs: Observatory) -> None:
    sequence_id = _next_sequence(obs)
    _make_short(obs, sequence_id, 3000.0)
    obs.services.devices.telescope.unpark()
    result = sequence_chain(sequence_id, obs.store).apply_async()
    until(lambda: _sequence_status(obs, sequence_id) is SequenceStatus.EXECUTING)
    other_id = _next_sequence(obs)
    other = sequence_chain(other_id, obs.store).apply_async()  # it has to wait for the telescope
    until(lambda: len([r for r in ledger.choose("STARTED", "PROGRESS") if r.name.startswith("execute_plan")]) >= 2)
    assert _sequence_status(obs, other_id) is SequenceStatus.PLANNED
    # The last words of an earlier chain of the same sequence, come late:
    assert _send("give_up_sequence", sequence_id, "an earlier one").get(timeout=WAIT_S) == "executing"
    assert _send("end_sequence", [1, 1], sequence_id, "an earlier one").get(timeout=WAIT_S) == "executing"
    other.parent.parent.revoke(terminate=True)
    for row in ledger.choose(*ledger.RUNNING, *ledger.WAITING):
        if row.name.startswith("execute_plan"):
            app.control.revoke(row.uuid, terminate=True)
    with pytest.raises(Exception, match=r"[Rr]evoked"):
        result.get(timeout=WAIT_S)
    until(lambda: _sequence_status(obs, sequence_id) is SequenceStatus.OBSERVABLE)


def test_a_sequence_that_names_a_recipe_is_observed_by_it_in_a_worker(obs: Observatory) -> None:
    sequence_id = _next_sequence(obs)
    _make_short(obs, sequence_id, 10.0)
    with obs.store.session() as session:
        sequence = session.get_one(Sequence, sequence_id)
        sequence.recipe, sequence.parameters = "mosaic", {"columns": 2, "rows": 1}
        for album in sequence.albums:
            for plan in album.plans[1:]:
                session.delete(plan)
            album.plans[0].number_of_images = 2
    obs.services.devices.telescope.unpark()
    assert sequence_chain(sequence_id, obs.store).apply_async().get(timeout=2 * WAIT_S) == "executed"
    assert len(_images(obs, sequence_id)) == 4
    with obs.store.session(read_only=True) as session:
        assert session.get_one(Sequence, sequence_id).reason == "recipe mosaic, 4 images"
        assert {p.status for a in session.get_one(Sequence, sequence_id).albums for p in a.plans} == {
            PlanStatus.EXECUTED
        }


def test_a_chain_whose_worker_is_killed_while_it_slews_is_put_back_and_observed_once_when_sent_again(
    obs: Observatory,
) -> None:
    sequence_id = _next_sequence(obs)
    _make_short(obs, sequence_id, 10.0)
    telescope = obs.services.devices.telescope
    telescope.unpark()
    with obs.simulators.control() as control:
        control.fault("telescope", "stick")  # or the slew would be over before anybody could be killed in it
        result = sequence_chain(sequence_id, obs.store).apply_async()
        slew = result.parent.parent
        until(lambda: telescope.state().motion.value is Motion.SLEWING and ledger.read(slew.id).worker)
        os.kill(int(ledger.read(slew.id).worker.rpartition(":")[2]), signal.SIGKILL)
        with pytest.raises(Exception, match=r"its worker|revoked"):
            result.get(timeout=WAIT_S)
        until(lambda: ledger.read(slew.id).state == "LOST")
        control.heal("telescope")
    telescope.abort("the test goes on")
    assert ledger.read(slew.id).tries == 1
    until(lambda: _sequence_status(obs, sequence_id) is SequenceStatus.OBSERVABLE)
    assert _images(obs, sequence_id) == []
    with obs.store.session() as session:
        session.get_one(Sequence, sequence_id).become(SequenceStatus.PLANNED)  # as the next schedule does
    assert sequence_chain(sequence_id, obs.store).apply_async().get(timeout=2 * WAIT_S) == "executed"
    taken = _images(obs, sequence_id)
    assert len(taken) == len(set(taken)) == _wanted_images(obs, sequence_id)
    assert not [r for r in ledger.choose(*ledger.RUNNING, *ledger.WAITING) if r.name in STAGES]


def _images(obs: Observatory, sequence_id: int) -> list[str]:
    with obs.store.session(read_only=True) as session:
        of_it = select(Image.path).join(Plan).join(Album).where(Album.sequence_id == sequence_id, Image.complete)
        return list(session.scalars(of_it))


def _wanted_images(obs: Observatory, sequence_id: int) -> int:
    with obs.store.session(read_only=True) as session:
        albums = session.get_one(Sequence, sequence_id).albums
        return sum(plan.number_of_images for album in albums for plan in album.plans)


def test_calibrations_are_taken_with_the_dome_closed(obs: Observatory) -> None:
    took = _send("create_calibrations").get(timeout=WAIT_S)
    assert took["frames"] > 0 and took["masters"]


def test_an_unknown_recipe_is_refused_by_name(obs: Observatory) -> None:
    with pytest.raises(Exception, match=r"no recipe 'nonsense'; there are .*observe"):
        _send("run_recipe", "nonsense", {"seconds": 1}).get(timeout=WAIT_S)


def test_a_recipe_runs_in_a_worker_and_borrows_the_night(obs: Observatory) -> None:
    obs.observe()
    arguments = {"target": "M 31", "exposure": "10 s", "nir_filter": "", "focus": "never", "centre": False}
    result = _send("run_recipe", "observe", arguments)
    assert len(result.get(timeout=WAIT_S)["images"]) == 1
    queued = enqueue(obs.services, "observe", {**arguments, "exposure": "20 s"})
    later = app.tasks["run_recipe"].delay("observe", run_id=queued)
    assert len(later.get(timeout=WAIT_S)["images"]) == 1
    with obs.store.session(read_only=True) as session:
        assert session.get_one(RecipeRecord, queued).status is RecipeStatus.DONE
        (frame,) = session.scalars(select(Image).where(Image.exposure_time_s == 20.0))
    assert frame.complete
    until(lambda: not obs._started.wishes.paused)


def test_system_pause_tells_the_majordome(obs: Observatory) -> None:
    assert _send("system_pause", "clouds in the west").get(timeout=WAIT_S) == "clouds in the west"
    until(lambda: obs._started.wishes.paused == "clouds in the west")
