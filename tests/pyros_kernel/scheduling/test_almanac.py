"""Against published values: almanac.json says where each comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from pyros_kernel.scheduling import Sky, altitude_curve, azimuth
from pyros_kernel.scheduling.roots import crossings

ALMANAC: dict[str, Any] = json.loads(Path(__file__).with_name("almanac.json").read_text())
USNO_MOON_DEG = -(34 / 60 + 0.26)  # upper limb on the horizon, 34' of refraction
PRINTED_S = 60.0  # the tables are printed to the minute


def _sky(entry: dict[str, Any], when: Time) -> Sky:
    place = EarthLocation.from_geodetic(entry["lon"] * u.deg, entry["lat"] * u.deg, entry["height"] * u.m)
    return Sky(place, when)


def _events() -> list[Any]:
    return [
        pytest.param(e, value, id=f"{e['id']}-{value[0]}{value[1]}{value[2]}")
        for e in ALMANAC["events"]
        for value in e["values"]
    ]


@pytest.mark.parametrize(("entry", "value"), _events())
def test_rise_set_and_twilight(entry: dict[str, Any], value: tuple[str, float | str, str, str]) -> None:
    body, level, kind, printed = value
    expected = float((Time(printed) - entry["tz_h"] * u.h).unix)
    sky = _sky(entry, Time(expected, format="unix"))
    altitude = sky.sun_altitude_deg if body == "sun" else sky.moon_altitude_deg
    limit = USNO_MOON_DEG if level == "usno" else float(level)
    grid = expected + np.arange(-1800.0, 1801.0, 300.0)
    margin = altitude(grid) - limit
    assert (margin[0] < margin[-1]) == (kind == "rise")
    found = crossings(lambda t: altitude(t) - limit, grid, margin)
    assert found == pytest.approx([expected], abs=PRINTED_S)


@pytest.mark.parametrize("entry", ALMANAC["events"], ids=lambda e: e["id"])
def test_night_times_are_the_printed_ones(entry: dict[str, Any]) -> None:
    names = {
        ("sun", -0.8333, "set"): "sunset",
        ("sun", -18.0, "set"): "dusk",
        ("sun", -18.0, "rise"): "dawn",
        ("sun", -0.8333, "rise"): "sunrise",
    }
    for body, level, kind, printed in entry["values"]:
        name = names.get((body, level, kind))
        if name is None:
            continue
        expected = Time(printed) - entry["tz_h"] * u.h
        night = _sky(entry, expected).night
        assert abs(float((getattr(night, name) - expected).to_value(u.s))) <= PRINTED_S
        assert getattr(night, name).unix == pytest.approx(getattr(night, f"{name}_unix_s"), abs=1e-3)


def test_moon_illumination() -> None:
    table = ALMANAC["illumination"]
    for when, printed in zip(Time(table["times"]), table["values"], strict=True):
        sky = _sky({"lat": 38.92, "lon": -77.07, "height": 0}, when)
        assert sky.moon(float(when.unix)).illumination == pytest.approx(printed, abs=0.0051)


@pytest.mark.parametrize("entry", ALMANAC["altaz"], ids=lambda e: e["id"])
def test_altitude_and_azimuth_of_stars(entry: dict[str, Any]) -> None:
    when = Time(entry["time"], scale=entry.get("scale", "utc")).utc
    sky, unix_s = _sky(entry, when), float(when.unix)
    altitude = altitude_curve(entry["ra"], entry["dec"], sky, [unix_s])[0]
    assert altitude == pytest.approx(entry["alt"], abs=2 / 3600)
    assert azimuth(entry["ra"], entry["dec"], sky, unix_s) == pytest.approx(entry["az"], abs=4 / 3600)


def test_moon_against_horizons() -> None:
    entry = ALMANAC["moon_topocentric"]
    times = Time(entry["start"]) + np.arange(24) * u.h
    bias = 51.02376467 * u.mas
    for when, ra, dec in zip(times, entry["ra"], entry["dec"], strict=True):
        sky = _sky(entry, when)
        frame = TETE(obstime=when, location=sky.location)
        printed = SkyCoord(ra * u.deg + bias, dec * u.deg, frame=frame)
        altitude = printed.transform_to(AltAz(obstime=when, location=sky.location)).alt.deg
        assert sky.moon(float(when.unix)).altitude_deg == pytest.approx(altitude, abs=10 / 3600)
