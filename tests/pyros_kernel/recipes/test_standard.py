"""The standard recipes, against real simulators."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from instruments import Frame
from pyros_kernel import Observatory
from pyros_kernel.images import BadFrame
from pyros_kernel.recipes import (
    BadArgument,
    Refused,
    Steps,
    Target,
    autofocus,
    expose,
    follow_alert,
    mosaic,
    observe,
    pointing_run,
    recipe,
    take_bias,
    take_darks,
    take_flats,
    take_lamp_flats,
    time_series,
)
from pyros_kernel.recipes.standard.autofocus import focus_is_due
from pyros_kernel.recipes.standard.focus_curve import curve_svg, fit_focus
from pyros_kernel.recipes.standard.pointing_run import spread
from pyros_kernel.recipes.standard.tiles import tiles_of_circle, tiles_of_map
from pyros_kernel.store import Alert, AlertStatus, Image
from pyros_kernel.tasks import exposing
from tests.pyros_kernel.recipes.sky_map import sky_map
from tests.waiting import status, until

M31 = SkyCoord(10.6847, 41.2688, unit="deg")


def headers(obs: Observatory, paths: list[str]) -> list[fits.Header]:
    return [fits.getheader(obs.settings.data / path) for path in paths]


def pointing(header: fits.Header) -> SkyCoord:
    return SkyCoord(header["SIM_RA"], header["SIM_DEC"], unit="deg")


def test_observe_points_and_exposes_both_channels_side_by_side(obs: Observatory) -> None:
    run = observe.start(obs, target="M31", exposure="60 s", count=2, dither="30 arcsec", focus="always")
    taken = headers(obs, run.wait(30)["images"])
    assert {(h["INSTRUME"], h["FILTER"], h["OBJECT"]) for h in taken} == {
        ("camera_vis", "r", "M 31"),
        ("camera_nir", "J", "M 31"),
    }
    away = [pointing(h).separation(M31).arcsec for h in taken]
    assert max(away[:2]) < 2.5, "the first position is the target itself, by the stars: the mount errs by more"
    assert any(abs(x) > 0.5 for x in run.wait(0)["sent_beside_arcsec"]), "the mount was sent beside it"
    off = [abs(h["SIM_FOC"] - h["SIM_BEST"]) for h in taken]
    assert max(off) < 250, "focused, to a tenth of the seeing"
    assert "dither 1: guide" in [step.name for step in run.steps]
    moved = pointing(taken[0]).separation(pointing(taken[2])).arcsec
    assert moved == pytest.approx(30 * math.sqrt(2), abs=3), "then 30'' to the east and to the north"
    vis, nir = (next(s for s in run.steps if s.name == f"dither 1: {c}: frame 1") for c in ("VIS", "NIR"))
    assert vis.started < nir.ended and nir.started < vis.ended, "at the same time"
    with obs.store.session(read_only=True) as session:
        rows = list(session.scalars(select(Image)))
    assert all("stars" in row.quicklook for row in rows if row.path in run.wait(0)["images"]), "each is analysed"
    until(lambda: status(obs) == "observing", "the night has its telescope back")


@recipe(needs="sky")
def pair(steps: Steps, first: Target, second: Target, exposure: Annotated[u.Quantity, u.s] = 5 * u.s) -> dict[str, Any]:
    """Observe two targets, one after the other: the example of docs/how-to/recipes.md."""
    one = observe(steps.part("first"), first, exposure)
    two = observe(steps.part("second"), second, exposure)
    return steps.step("note", lambda: {"images": one["images"] + two["images"]})


def test_a_rotated_camera_is_centred_too(obs: Observatory) -> None:
    rotator = obs.services.devices.rotator
    rotator.move_to(140 * u.deg).wait(20)
    try:
        run = observe.start(obs, target="M31", exposure="20 s", nir_filter="", focus="never")
        (header,) = headers(obs, run.wait(30)["images"])
    finally:
        rotator.move_to(0 * u.deg).wait(20)
    assert header["SIM_ROT"] == pytest.approx(140, abs=0.1)
    solved = next(step for step in run.steps if step.name == "centre 1: solve").result
    assert solved["matched"] >= 4, solved
    assert pointing(header).separation(M31).arcsec < 2.5
    up = SkyCoord(*WCS(header, fix=False).pixel_to_world_values(255.5, 400.0), unit="deg")
    assert M31.position_angle(up).deg == pytest.approx(140, abs=1), "the nominal WCS says where the image's top is"


def test_recipes_are_made_of_recipes(obs: Observatory) -> None:
    run = pair.start(obs, first="M 31", second="M 33")
    assert {h["OBJECT"] for h in headers(obs, run.wait(30)["images"])} == {"M 31", "M 33"}
    names = [step.name for step in run.steps]
    assert names[0] == "first: slew" and names[-1] == "note" and "second: NIR: frame 1" in names


def test_observe_refuses_what_is_not_up(obs: Observatory) -> None:
    with pytest.raises(Refused, match="Sirius can't be observed now: altitude"):
        observe.start(obs, target="Sirius").wait(20)
    with pytest.raises(Refused, match="Moon"):
        observe.start(obs, target="M 31", moon="170 deg").wait(20)
    with pytest.raises(Refused, match="count must be 1 or more"):
        observe.start(obs, target="M 31", count=0).wait(20)


def test_a_time_series_keeps_its_pace(obs: Observatory) -> None:
    run = time_series.start(obs, target="M 31", exposure="30 s", count=2, every="300 s")
    images = run.wait(30)["images"]
    began_s = next(step.result for step in run.steps if step.name == "begin")
    second_s = Time(headers(obs, images)[1]["DATE-OBS"]).unix
    assert len(images) == 2 and second_s >= began_s + 299.9, "the second frame waits for its turn"


def test_a_mosaic_covers_its_rectangle(obs: Observatory) -> None:
    result = mosaic.start(obs, target="M 31", columns=2, rows=2, exposure="10 s", overlap=0.2).wait(30)
    images = [path for tile in result["tiles"] for path in tile["images"]]
    seen = [pointing(h) for h in headers(obs, images)]
    field = 512 * 0.381 * 0.8
    apart = sorted({round(a.separation(b).arcsec) for a in seen for b in seen if a is not b})
    assert len(seen) == 4 and apart[0] == pytest.approx(field, abs=8)
    assert apart[-1] == pytest.approx(field * math.sqrt(2), abs=8)


def test_a_pointing_run_tells_where_the_mount_is(obs: Observatory) -> None:
    result = pointing_run.start(obs, points=3, exposure="2 s").wait(30)
    assert len(result["points"]) == 3 and 0 <= result["rms_arcsec"] < 60
    assert result["solved"] >= 2 and 0 < result["rms_by_stars_arcsec"] < 60


def test_a_focus_run_finds_the_minimum_of_its_curve_from_far_away(obs: Observatory) -> None:
    focuser = obs.services.devices.focuser
    focuser.move_to(35200).wait(20)
    run = autofocus.start(obs, exposure="10 s", points=5, step=400)
    result = run.wait(40)
    frame = headers(obs, [step.result["path"] for step in run.steps if "focus at" in step.name][-1:])[0]
    assert result["best"] == pytest.approx(frame["SIM_BEST"], abs=250)
    assert focuser.state().position.value == result["best"]
    assert any("shows no minimum" in text for _, text in run.log), "the first scan lay beside it"
    assert "<svg" in run.picture and "sharpest at" in run._repr_html_()
    assert list((obs.settings.data / obs.services.night_name / "recipes").glob("autofocus_*_focus.svg"))
    assert not focus_is_due(obs.services)


@given(st.floats(-3000, 3000), st.floats(1, 6), st.floats(1e-6, 1e-4), st.integers(5, 15))
def test_a_focus_curve_is_fitted_exactly(best: float, sharpest: float, a: float, points: int) -> None:
    positions = [36000 + best + 300 * (n - points // 2) + 17 for n in range(points)]
    widths = [math.sqrt(a * (p - 36000 - best) ** 2 + sharpest**2) for p in positions]
    curve = fit_focus(positions, widths)
    assert curve is not None and curve.best == pytest.approx(36000 + best, abs=1)
    assert curve.sharpest == pytest.approx(sharpest, rel=0.02)
    assert curve_svg(positions, widths, curve).count("<circle") == points


def test_a_focus_curve_without_a_minimum_is_none() -> None:
    assert fit_focus([1, 2, 3], [3, 2, 3]) is None and fit_focus([0, 1, 2, 3, 4], [1, 2, 2.6, 2, 1]) is None
    assert curve_svg([], [], None) == "" and "no minimum" in curve_svg([1, 2], [3, 4], None)


def test_an_error_circle_is_covered_from_its_centre(obs: Observatory) -> None:
    now = obs.clock.now().to_datetime()
    with obs.store.session() as session:
        session.add(
            Alert(
                ivorn="ivo://x/y", digest="d", role="test", trigger_id="42", status=AlertStatus.IGNORED,
                received=now.replace(tzinfo=UTC) - timedelta(days=1),
                ra_deg=M31.ra.deg, dec_deg=M31.dec.deg, error_deg=0.05,
            )
        )  # fmt: skip
    with obs.store.session(read_only=True) as session:
        number = session.scalars(select(Alert.id).where(Alert.ivorn == "ivo://x/y")).one()
    run = follow_alert.start(obs, alert=number, exposure="10 s", nir_filter="")
    tiles = run.wait(40)["tiles"]
    first = SkyCoord(tiles[0]["ra_deg"], tiles[0]["dec_deg"], unit="deg")
    assert first.separation(M31).arcsec < 1 and len(tiles) == 9
    with pytest.raises(Refused, match="there is no alert 99"):
        follow_alert.start(obs, alert=99).wait(20)
    few = follow_alert.start(obs, alert=number, radius="5 deg", most=2, exposure="1 s", nir_filter="")
    assert few.wait(40)["tiles"][0]["ra_deg"] == tiles[0]["ra_deg"], "of a circle that is too large its middle"
    assert any("2 fields do not cover 5.00°" in text for _, text in few.log)


def test_calibrations_make_masters(fresh: Observatory) -> None:
    biases = take_bias.start(fresh, count=3).wait(30)["masters"]
    assert set(biases) == {"VIS", "NIR"}
    darks = take_darks.start(fresh, exposure="20 s", count=2, channels="VIS").wait(30)["masters"]
    header = fits.getheader(fresh.settings.data / darks["VIS"])
    assert (header["NCOMBINE"], header["EXPTIME"], header["BIASSUB"]) == (2, 20.0, True)
    assert abs(np.median(fits.getdata(fresh.settings.data / darks["VIS"]))) < 3, "the bias is taken off"
    with pytest.raises(Refused, match="no channel UV; there are VIS, NIR"):
        take_bias.start(fresh, channels="UV").wait(10)


def test_flats_reach_their_level(fresh: Observatory) -> None:
    result = take_lamp_flats.start(fresh, filter="g", level=12000, count=3).wait(30)
    assert result["levels"] == pytest.approx([12000] * 3, rel=0.2) and len(result["frames"]) == 3
    assert fits.getheader(fresh.settings.data / result["master"])["IMAGETYP"] == "MASTER FLAT"
    with pytest.raises(Refused, match="level must be"):
        take_lamp_flats.start(fresh, level=5).wait(10)


def test_twilight_flats_wait_for_their_light_and_follow_it(tmp_path: Path) -> None:
    with Observatory(tmp_path, start="2022-09-30T01:35:00", speed=100) as obs:
        obs.observe()
        run = take_flats.start(obs, level=12000, count=3)
        result = run.wait(90)
        assert result["levels"] == pytest.approx([12000] * 3, rel=0.2)
        first, *_, last = headers(obs, result["frames"])
        assert not first["IMAGETYP"].startswith("LIGHT") and first["SIM_SKY"] < 16, "of the twilight sky"
        assert pointing(first).separation(pointing(last)).arcsec > 20, "the stars fall elsewhere in each"
    obs.check()


def test_the_best_fields_of_a_sky_map_are_observed_first(obs: Observatory, tmp_path: Path) -> None:
    path = sky_map(tmp_path / "map.fits", M31, 1.0)
    run = follow_alert.start(obs, skymap=str(path), most=3, exposure="10 s", nir_filter="")
    result = run.wait(40)
    chances = [tile["probability"] for tile in result["tiles"]]
    assert chances == sorted(chances, reverse=True) and result["probability"] == pytest.approx(sum(chances), abs=1e-5)
    seen = [pointing(h) for h in headers(obs, [t["images"][0] for t in result["tiles"]])]
    assert len(seen) == 3 and max(s.separation(M31).deg for s in seen) < 0.5
    with pytest.raises(Refused, match="none of the fields is up now"):
        south = sky_map(tmp_path / "south.fits", SkyCoord(100, -80, unit="deg"), 1.0)
        follow_alert.start(obs, skymap=str(south), most=2, exposure="10 s").wait(20)
    (tmp_path / "no.fits").write_bytes(b"no map")
    with pytest.raises(BadArgument, match="no multi-order sky map"):
        follow_alert.start(obs, skymap=str(tmp_path / "no.fits")).wait(20)


def test_the_map_that_an_alerts_notice_brought_along_is_covered(obs: Observatory, tmp_path: Path) -> None:
    content = sky_map(tmp_path / "map.fits", M31, 1.0).read_bytes()
    event = {"time": "2022-09-30T01:00:00Z", "skymap": base64.b64encode(content).decode()}
    notice = {"superevent_id": "S220930a", "alert_type": "PRELIMINARY", "event": event}
    (tmp_path / "notice.json").write_text(json.dumps(notice))
    replay = obs.alerts.replay(tmp_path / "notice.json")
    assert replay.wait(20) and replay.answer is not None and replay.answer.ack
    with obs.store.session(read_only=True) as session:
        alert = session.scalars(select(Alert).where(Alert.trigger_id == "S220930a")).one()
    assert alert.ra_deg is None and "nothing moves until another packet" in alert.reason
    result = follow_alert.start(obs, alert=alert.id, most=2, exposure="10 s", nir_filter="").wait(40)
    assert len(result["tiles"]) == 2 and result["probability"] > 0
    (image, *_) = result["tiles"][0]["images"]
    (header,) = headers(obs, [image])
    assert pointing(header).separation(M31).deg < 0.5 and "S220930a" in header["OBJECT"]


def test_the_fields_of_a_sky_map_hold_what_they_say(tmp_path: Path) -> None:
    path = sky_map(tmp_path / "map.fits", SkyCoord(359.5, 62.0, unit="deg"), 2.0)
    tiles = tiles_of_map(path, 1.0, 30)
    sigma_sr = 2 * math.pi * math.radians(2.0) ** 2
    for tile in tiles[:10]:
        away = SkyCoord(tile.ra_deg, tile.dec_deg, unit="deg").separation(SkyCoord(359.5, 62.0, unit="deg")).deg
        expected = math.radians(1.0) ** 2 / sigma_sr * math.exp(-0.5 * (away / 2.0) ** 2)
        assert tile.probability == pytest.approx(expected, rel=0.2)
    assert 0.5 < sum(t.probability for t in tiles) < 0.9


def test_one_frame_by_hand(fresh: Observatory) -> None:
    frame = expose.start(fresh, exposure="5 s", channel="NIR", filter="H", kind="dark").wait(10)
    header = fits.getheader(fresh.settings.data / frame["path"])
    assert (header["FILTER"], header["EXPTIME"], header["IMAGETYP"]) == ("H", 5.0, "DARK")
    fresh.observe()
    until(lambda: status(fresh) == "observing", "observing")
    with pytest.raises(Refused, match="the night is observing: pause it first"):
        expose.start(fresh).wait(10)


@given(st.floats(0.01, 20.0), st.floats(0.0, 0.5), st.floats(0, 1), st.floats(0, 2 * math.pi))
def test_every_point_of_a_circle_lies_in_a_tile(radius: float, overlap: float, r: float, angle: float) -> None:
    tiles = tiles_of_circle(radius, 1.0, overlap)
    x, y = radius * r * math.cos(angle), radius * r * math.sin(angle)
    assert any(abs(x - a) <= 0.5 + 1e-9 and abs(y - b) <= 0.5 + 1e-9 for a, b in tiles)
    assert tiles[0] == (0.0, 0.0)


@given(st.integers(1, 200), st.floats(5, 40), st.floats(50, 85))
def test_a_pointing_run_stays_in_its_zone(points: int, low: float, high: float) -> None:
    places = spread(points, low, high)
    assert len(places) == points
    assert all(low <= alt <= high and 0 <= az < 360 for alt, az in places)


@pytest.mark.parametrize(
    ("flag", "spoil"),
    [
        ("black", lambda frame: replace(frame, data=np.zeros_like(frame.data))),
        ("wrong_time", lambda frame: replace(frame, start=frame.start + 2 * u.h)),
    ],
)
def test_a_frame_that_can_not_be_what_the_camera_saw_ends_a_recipe_by_name_and_is_flagged(
    obs: Observatory, monkeypatch: pytest.MonkeyPatch, flag: str, spoil: Callable[[Frame], Frame]
) -> None:
    given = exposing.wait_or_stop

    def spoilt(*how: Any) -> Any:
        got = given(*how)
        return spoil(got) if isinstance(got, Frame) else got

    monkeypatch.setattr(exposing, "wait_or_stop", spoilt)
    run = time_series.start(obs, target="M31", exposure="10 s", count=5)
    with pytest.raises(BadFrame, match=rf"bad frame \({flag}\)") as bad:
        run.wait(30)
    assert run.state == "failed" and flag in run.reason
    assert not any(step.name.endswith("frame 2") for step in run.steps), "and took no further one"

    def flags() -> list[str]:
        with obs.store.session(read_only=True) as session:
            return list(session.get_one(Image, bad.value.image_id).quicklook.get("flags", []))

    until(lambda: flag in flags(), "it is flagged")
