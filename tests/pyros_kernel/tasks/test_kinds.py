"""The work of a night in workers, beside a running observatory with simulated instruments."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from astropy.io import fits
from sqlalchemy import select

from instruments import CameraActivity
from pyros_kernel import Observatory
from pyros_kernel.scheduling.sequences import images_taken
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Channel, Image, Plan, PlanStatus, Schedule, Sequence, SequenceStatus
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.context import read_context, write_context
from pyros_kernel.tasks.queues import reference, routes
from pyros_kernel.tasks.results import TaskLost
from tests.waiting import until

MIDNIGHT = "2022-09-30T08:00:00"
WAIT_S = 40.0
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
        Observatory(data, start=MIDNIGHT, speed=100, fixtures=fixtures) as obs,
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
    found = [r for r in routes(app) if "." not in r.task]
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


def test_calibrations_are_taken_with_the_dome_closed(obs: Observatory) -> None:
    took = _send("create_calibrations").get(timeout=WAIT_S)
    assert took["frames"] > 0 and took["masters"]


def test_an_unknown_recipe_is_refused_by_name(obs: Observatory) -> None:
    with pytest.raises(Exception, match=r"no recipe 'nonsense'; there are: "):
        _send("run_recipe", "nonsense", {"seconds": 1}).get(timeout=WAIT_S)


def test_system_pause_tells_the_majordome(obs: Observatory) -> None:
    assert _send("system_pause", "clouds in the west").get(timeout=WAIT_S) == "clouds in the west"
    until(lambda: obs._wishes.paused == "clouds in the west")
