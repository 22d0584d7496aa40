"""What the night has recipes do: its sequences and its calibrations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from instruments import Camera, CameraActivity, Frame, FrameKind, Operation, Rejected
from pyros_kernel import Observatory
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.images import ImageContext
from pyros_kernel.recipes import observe_sequence, unfinished
from pyros_kernel.recipes.of_night import take_calibrations
from pyros_kernel.services import Services
from pyros_kernel.store import (
    Channel,
    Image,
    PlanStatus,
    RecipeRecord,
    RecipeStatus,
    Sequence,
    SequenceStatus,
    StepStatus,
)
from tests.waiting import status, until

NIGHT = ("night_2022-09-29.json",)
BIASES, DARKS = 5, 3


@pytest.fixture
def analysis() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, thread_name_prefix="test-analysis") as pool:
        yield pool


class Scripted:
    """A camera that does something before its n-th exposure."""

    def __init__(self, camera: Camera, at: Callable[[int], None]) -> None:
        self._camera, self._at, self._count = camera, at, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._camera, name)

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        self._count += 1
        self._at(self._count)
        return self._camera.expose(exposure_time, kind)


class WithCameras:
    """An observatory's devices, but for the cameras."""

    def __init__(self, services: Services, cameras: dict[Channel, Any]) -> None:
        self._devices, self.cameras = services.devices, cameras

    def __getattr__(self, name: str) -> Any:
        return getattr(self._devices, name)

    def row_of(self, camera: Any) -> Any:
        return next(m.row for m in self._devices.members.values() if m.row.name == camera.name)


def services_with(obs: Observatory, cameras: dict[Channel, Any]) -> Services:
    return dataclasses.replace(obs.services, devices=cast("Any", WithCameras(obs.services, cameras)))


def test_calibrations_of_both_cameras_and_their_masters(fresh: Observatory, analysis: Executor) -> None:
    name, now = fresh.services.night_name, Time(fresh.clock.unix_s(), format="unix")
    light = Frame(np.zeros((8, 8), np.uint16), {}, now, 10 * u.s, FrameKind.LIGHT, "r", "camera_vis")
    fresh.services.archive.save(light, ImageContext(night=name), fresh.store)  # its darks will be as long
    took = take_calibrations(fresh.services, Cancellation(), analysis)
    assert took["notes"] == []
    assert took["frames"] == 2 * (BIASES + DARKS)
    assert took["masters"] == [
        f"{name}/calibration/master_{kind}_{camera}.fits"
        for camera in ("camera_vis", "camera_nir")
        for kind in ("bias", "dark")
    ]
    with fresh.store.session(read_only=True) as session:
        images = session.scalars(select(Image).where(Image.kind != "light")).all()
        assert {i.exposure_time_s for i in images if i.kind == "dark"} == {10.0, 30.0}
        assert sum(i.kind == "bias" for i in images) == 2 * BIASES
        runs = session.scalars(select(RecipeRecord)).all()
        assert sorted((run.name, run.status, run.of_night) for run in runs) == [
            (recipe, RecipeStatus.DONE, True) for recipe in ("take_bias", "take_darks") for _ in range(2)
        ]
    bias, dark = (fits.open(fresh.settings.data / path) for path in took["masters"][:2])
    with bias, dark:
        dark.verify("exception")
        assert (bias[0].header["BIASSUB"], dark[0].header["BIASSUB"]) == (False, True)
        assert dark[0].header["NCOMBINE"] == DARKS
        assert abs(np.median(dark[0].data)) < 0.1 * np.median(bias[0].data)


def test_a_missing_camera_is_noted_and_the_rest_goes_on(fresh: Observatory, analysis: Executor) -> None:
    nir = fresh.services.devices.cameras[Channel.NIR]
    took = take_calibrations(services_with(fresh, {Channel.NIR: nir}), Cancellation(), analysis)
    assert took["notes"] == ["VIS: no camera, no calibrations"]
    assert took["frames"] == BIASES + DARKS


def test_a_camera_that_fails_is_noted_and_the_rest_goes_on(fresh: Observatory, analysis: Executor) -> None:
    def refuse(_count: int) -> None:
        raise Rejected("camera_vis", "expose", "shutter jammed")

    cameras: dict[Channel, Any] = dict(fresh.services.devices.cameras)
    cameras[Channel.VIS] = Scripted(cameras[Channel.VIS], refuse)
    took = take_calibrations(services_with(fresh, cameras), Cancellation(), analysis)
    assert len(took["notes"]) == 1
    assert "shutter jammed" in took["notes"][0]
    assert took["frames"] == BIASES + DARKS


def test_a_cancelled_calibration_keeps_what_it_took(fresh: Observatory, analysis: Executor) -> None:
    cancelled = Cancellation()
    cameras: dict[Channel, Any] = dict(fresh.services.devices.cameras)
    cameras[Channel.VIS] = Scripted(
        cameras[Channel.VIS], lambda n: cancelled.set("the observatory goes down") if n == 4 else None
    )
    took = take_calibrations(services_with(fresh, cameras), cancelled, analysis)
    assert took["notes"][0] == "VIS: the observatory goes down"
    assert not any("camera_vis" in master for master in took["masters"])
    with fresh.store.session(read_only=True) as session:
        assert len(session.scalars(select(Image)).all()) >= 3
    assert unfinished(fresh.store) == [], "what the night began is not resumed by hand"


@pytest.fixture
def night(tmp_path: Any) -> Iterator[Observatory]:
    observatory = Observatory(tmp_path, start="2022-09-30T04:00:00", speed=100, fixtures=NIGHT)
    with observatory as obs:
        yield obs
    observatory.check()


def test_the_night_observes_by_a_recipe_whose_steps_are_kept(night: Observatory) -> None:
    night.observe()

    def done() -> RecipeRecord | None:
        with night.store.session(read_only=True) as session:
            found = select(RecipeRecord).where(RecipeRecord.status == RecipeStatus.DONE).limit(1)
            return session.scalar(found.options(selectinload(RecipeRecord.steps)))

    run = until(done, "a sequence is executed")
    assert run is not None
    with night.store.session(read_only=True) as session:
        first = int(run.arguments["sequence"])
        assert (run.name, run.of_night, run.result["status"]) == ("observe_sequence", True, "executed")
        names = [step.name for step in run.steps if step.status is StepStatus.DONE]
        assert any(name.startswith("slew to ") for name in names)
        assert "is the focus due" in names
        assert "centre 1: solve" in names
        plans = [p for album in session.get_one(Sequence, first).albums for p in album.plans]
        assert all(plan.status is PlanStatus.EXECUTED for plan in plans)
        taken = [n for n in names if ": plan " in n]
        assert len(taken) == sum(plan.number_of_images for plan in plans)


def test_a_sequence_at_the_prompt_goes_on_where_its_images_end(night: Observatory) -> None:
    """By hand, interrupted, and again: the images that are there are not taken twice."""
    night.observe()
    until(lambda: any(s.status == "executing" for s in night.snapshot().placed), "a sequence executes")
    night.pause("a test")
    until(lambda: status(night) == "paused", "paused")
    with night.store.session() as session:
        waits = SequenceStatus.PLANNED, SequenceStatus.OBSERVABLE
        rows = session.scalars(
            select(Sequence).where(Sequence.status.in_(waits)).order_by(Sequence.status.desc())
        ).all()
        of_both = (s for s in rows if {album.channel for album in s.albums} == set(Channel))
        chosen = next(s for s in of_both if s.recipe == "observe")
        for plan in (p for album in chosen.albums for p in album.plans):
            plan.exposure_time_s, plan.number_of_images = 100.0, 3
        sequence_id, plans = chosen.id, [p.id for album in chosen.albums for p in album.plans]
    night.resume()
    run = observe_sequence.start(night, sequence=sequence_id, focus="never")

    def images() -> list[Image]:
        with night.store.session(read_only=True) as session:
            return list(session.scalars(select(Image).where(Image.plan_id.in_(plans), Image.complete)))

    camera = night.services.devices.cameras[Channel.VIS]
    until(lambda: images() and camera.state().activity.value is CameraActivity.EXPOSING, "an image, and the next one")
    run.abort("a test")
    with pytest.raises(Exception, match="a test"):
        run.wait(30)
    with night.store.session(read_only=True) as session:
        again = session.get_one(Sequence, sequence_id)
        assert again.status in (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED)
        assert "a test" in again.reason or again.status is SequenceStatus.PLANNED
    before = {image.path for image in images()}
    observe_sequence.start(night, sequence=sequence_id, focus="never", centre=False).wait(45)
    assert len(images()) == 3 * len(plans)
    assert before < {image.path for image in images()}
    with night.store.session(read_only=True) as session:
        assert session.get_one(Sequence, sequence_id).status is SequenceStatus.EXECUTED
