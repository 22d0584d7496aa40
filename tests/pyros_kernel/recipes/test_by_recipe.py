"""What the night observes by the recipe that a sequence names: the same recipe as at the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from instruments import CameraActivity
from pyros_kernel import Observatory
from pyros_kernel.store import (
    Album,
    Channel,
    Image,
    Plan,
    PlanStatus,
    RecipeRecord,
    RecipeStatus,
    Sequence,
    SequenceStatus,
)
from tests.waiting import status, until

NGC7331 = {"target": "NGC 7331", "ra_deg": 339.2671, "dec_deg": 34.4156}
TRANSIT = "2022-09-30T06:00:00"  # from then on it sinks, so that the planner sees nothing to wait for
Plans = dict[str, tuple[str, float, int]]


def fixture(path: Path, *asked: tuple[str, dict[str, Any], Plans]) -> Path:
    """Write a fixture of one request with a sequence for each recipe, parameters and channel → plan."""
    objects: list[dict[str, Any]] = []

    def add(model: str, **fields: Any) -> int:
        objects.append({"model": f"common.{model}", "pk": len(objects) + 1, "fields": fields})
        return len(objects)

    request = add("request", name="by recipes", status="submitted", created=None, user=2, programme=2)
    for recipe, parameters, plans in asked:
        sequence = add(
            "sequence", name=recipe, status="observable", **NGC7331, recipe=recipe, parameters=parameters,
            window_start=None, window_end=None, started=None, ended=None, request=request,
        )  # fmt: skip
        for channel, (filter_name, exposure_s, images) in plans.items():
            album = add("album", channel=channel, sequence=sequence)
            add("plan", filter=filter_name, exposure_time_s=exposure_s, number_of_images=images, album=album)
    path.write_text(json.dumps(objects), encoding="utf-8")
    return path


def sequence(obs: Observatory, recipe: str) -> Sequence:
    with obs.store.session(read_only=True) as session:
        plans = selectinload(Sequence.albums).selectinload(Album.plans).selectinload(Plan.images)
        return session.scalars(select(Sequence).where(Sequence.recipe == recipe).options(plans)).one()


def headers(obs: Observatory, recipe: str, channel: Channel) -> list[fits.Header]:
    """Give those of the complete images of a sequence's plans on a channel."""
    plans = [p for a in sequence(obs, recipe).albums if a.channel is channel for p in a.plans]
    return [fits.getheader(obs.settings.data / i.path) for p in plans for i in p.images if i.complete]


def places(taken: list[fits.Header]) -> list[SkyCoord]:
    return [SkyCoord(h["SIM_RA"], h["SIM_DEC"], unit="deg") for h in taken]


def run_of(obs: Observatory, recipe: str) -> RecipeRecord:
    number = sequence(obs, recipe).id
    with obs.store.session(read_only=True) as session:
        its = RecipeRecord.of_night, RecipeRecord.arguments["sequence"].as_integer() == number
        return session.scalars(select(RecipeRecord).where(*its).options(selectinload(RecipeRecord.steps))).one()


def executed(obs: Observatory, *recipes: str) -> Callable[[], bool]:
    return lambda: all(sequence(obs, recipe).status is SequenceStatus.EXECUTED for recipe in recipes)


def test_the_night_observes_each_sequence_by_its_recipe(tmp_path: Path) -> None:
    both: Plans = {"VIS": ("r", 30.0, 2), "NIR": ("J", 30.0, 2)}
    asked = fixture(
        tmp_path / "asked.json",
        ("mosaic", {"columns": 2, "rows": 1}, both),
        ("time_series", {"every": "90 s"}, {"VIS": ("i", 30.0, 3)}),
        ("pointing_run", {"lowest": "50 deg"}, {"VIS": ("r", 20.0, 2)}),
        ("observe", {"dither": "20 arcsec", "focus": "never"}, {"VIS": ("g", 60.0, 2), "NIR": ("H", 30.0, 4)}),
    )
    with Observatory(tmp_path / "data", start=TRANSIT, speed=100, fixtures=(asked,)) as obs:
        obs.observe()
        until(executed(obs, "mosaic", "time_series", "pointing_run", "observe"), "all are executed", 90)
        for recipe in ("mosaic", "time_series", "pointing_run", "observe"):
            plans = [plan for album in sequence(obs, recipe).albums for plan in album.plans]
            assert {plan.status for plan in plans} == {PlanStatus.EXECUTED}, recipe
            assert all(len(plan.images) == plan.number_of_images for plan in plans), recipe
        assert sequence(obs, "mosaic").reason == "recipe mosaic, 4 images"

        here, there = places(headers(obs, "mosaic", Channel.VIS))
        assert here.separation(there).arcsec == pytest.approx(512 * 0.381 * 0.9, abs=10), "fields side by side"
        nir = places(headers(obs, "mosaic", Channel.NIR))
        assert here.separation(nir[0]).arcsec < 5, "both channels at the same time"
        begun = [datetime.fromisoformat(h["DATE-OBS"]).timestamp() for h in headers(obs, "time_series", Channel.VIS)]
        # A frame is late by a moment of this machine, a hundred times as long here; it is never early.
        assert [begun[0] + 90 * n - 1 <= at < begun[0] + 90 * (n + 1) for n, at in enumerate(begun)] == [True] * 3
        one, other = places(headers(obs, "pointing_run", Channel.VIS))
        assert one.separation(other).deg > 5

        first, second = places(headers(obs, "observe", Channel.VIS))
        assert first.separation(second).arcsec == pytest.approx(20 * 2**0.5, abs=5), "dithered between the VIS images"
        beside = places(headers(obs, "observe", Channel.NIR))
        assert max(place.separation(first).arcsec for place in beside[:2]) < 5
        assert max(place.separation(second).arcsec for place in beside[2:]) < 5, "and NIR waited for the move"
        assert {h["OBJECT"] for h in headers(obs, "mosaic", Channel.VIS)} == {"NGC 7331"}
        assert {h["PROGRAM"] for h in headers(obs, "time_series", Channel.VIS)} != {""}, "signed as the plan's"
    obs.check()


def test_an_interrupted_mosaic_goes_on_with_the_fields_that_are_missing(tmp_path: Path) -> None:
    asked = fixture(tmp_path / "a.json", ("mosaic", {"columns": 3, "rows": 1}, {"VIS": ("r", 120.0, 3)}))
    with Observatory(tmp_path / "data", start=TRANSIT, speed=100, fixtures=(asked,)) as obs:
        obs.observe()
        camera = obs.services.devices.cameras[Channel.VIS]

        def second() -> bool:
            taken = len(headers(obs, "mosaic", Channel.VIS))
            return taken == 1 and camera.state().activity.value is CameraActivity.EXPOSING

        until(second, "the second field is exposed")
        obs.pause("a test")
        until(lambda: status(obs) == "paused", "paused")
        assert sequence(obs, "mosaic").status in (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED)
        assert run_of(obs, "mosaic").status is RecipeStatus.INTERRUPTED
        obs.resume()
        until(executed(obs, "mosaic"), "it is executed")
        # The sequence ends within its run, whose own last word follows.
        until(lambda: run_of(obs, "mosaic").status is not RecipeStatus.RUNNING, "its run has ended")
        run = run_of(obs, "mosaic")  # one run, gone on with
        assert run.status is RecipeStatus.DONE
        tries = {step.name: step.tries for step in run.steps if step.name.endswith("frame")}
        assert tries == {"tile 1: VIS: frame": 1, "tile 2: VIS: frame": 2, "tile 3: VIS: frame": 1}
        seen = places(headers(obs, "mosaic", Channel.VIS))
        assert len(seen) == 3
        assert min(a.separation(b).arcsec for a in seen for b in seen if a is not b) > 150, "three fields"
    obs.check()


def test_a_recipe_that_is_not_known_fails_its_sequence_and_says_so(tmp_path: Path) -> None:
    asked = fixture(tmp_path / "a.json", ("mosaic", {}, {"VIS": ("r", 10.0, 4)}))
    with Observatory(tmp_path / "data", start=TRANSIT, speed=100, fixtures=(asked,)) as obs:
        with obs.store.session() as session:
            session.scalars(select(Sequence)).one().recipe = "of_another_kernel"
        obs.observe()
        until(lambda: sequence(obs, "of_another_kernel").status is SequenceStatus.FAILED, "it failed")
        assert "there is no recipe 'of_another_kernel' here; there are" in sequence(obs, "of_another_kernel").reason
    obs.check()


def test_the_night_takes_flats_of_its_filters_while_the_twilight_allows(tmp_path: Path) -> None:
    asked = fixture(tmp_path / "a.json", ("observe", {}, {"VIS": ("r", 60.0, 2)}))
    with Observatory(tmp_path / "data", start="2022-09-30T01:30:00", speed=100, fixtures=(asked,)) as obs:
        obs.observe()

        def done() -> bool:
            with obs.store.session(read_only=True) as session:
                flats = select(RecipeRecord).where(RecipeRecord.name == "take_flats", RecipeRecord.of_night)
                return any(run.status is RecipeStatus.DONE for run in session.scalars(flats))

        until(done, "flats are taken", 90)
        sunset = datetime.fromtimestamp(obs.services.sky.night.sunset_unix_s, UTC)
        with obs.store.session(read_only=True) as session:
            taken = session.scalars(select(Image).where(Image.kind == "flat")).all()
        assert len(taken) >= 5 and all(image.filter == "r" and image.start > sunset for image in taken)
        (master,) = obs.settings.data.glob("2022-09-29/calibration/master_flat_camera_vis_r*.fits")
        assert fits.getheader(master)["FILTER"] == "r"
        assert sequence(obs, "observe").status in (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED)
    obs.check()
