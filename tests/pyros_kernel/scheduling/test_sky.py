"""The sky against astropy, and what it refuses."""

from __future__ import annotations

import types
from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time

from pyros_kernel.scheduling import NoNight, Sky, altitude_curve, azimuth, location_of, night_name, night_of

PLACES = {
    "OHP": (43.9308, 5.7133, 650.0),
    "SPM": (31.0443, -115.4637, 2800.0),
    "Siding Spring": (-31.2733, 149.0617, 1165.0),
    "Dome C": (-75.1, 123.35, 3233.0),
    "date line": (0.0, 179.999, 0.0),
}
# None within 10 degrees of the Sun, where its gravity bends light by arcseconds that change within the night.
TARGETS = SkyCoord([45.0, 83.822, 201.3, 310.0, 37.95, 10.0], [0.0, -5.39, 47.2, -60.0, 89.26, -90.0], unit="deg")


def _place(name: str) -> EarthLocation:
    lat, lon, height = PLACES[name]
    return EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)


@pytest.mark.parametrize("night", ["2019-03-20", "2022-09-29", "2026-11-22"])
@pytest.mark.parametrize("place", PLACES)
def test_agrees_with_astropy(place: str, night: str) -> None:
    sky = Sky(_place(place), night)
    unix_s = sky.midnight_unix_s + np.array([-9.0, -4.0, 0.0, 3.0, 9.0]) * 3600
    when = Time(unix_s, format="unix")
    frame = AltAz(obstime=when, location=sky.location)
    expected = TARGETS[:, None].transform_to(frame[None, :])
    directions = sky.directions(TARGETS.ra.deg, TARGETS.dec.deg)
    assert np.abs(sky.altitudes_deg(directions, unix_s) - expected.alt.deg).max() < 1 / 3600
    turn = (sky.azimuths_deg(directions, unix_s) - expected.az.deg + 180) % 360 - 180
    assert np.abs(turn * np.cos(expected.alt.rad)).max() < 1 / 3600
    sun, moon = get_body("sun", when, sky.location), get_body("moon", when, sky.location)
    assert np.abs(sky.sun_altitude_deg(unix_s) - sun.transform_to(frame).alt.deg).max() < 1 / 3600
    assert np.abs(sky.moon_altitude_deg(unix_s) - moon.transform_to(frame).alt.deg).max() < 2 / 3600
    one = sky.moon(float(unix_s[1]))
    seen = SkyCoord(one.ra_deg, one.dec_deg, unit="deg")
    assert seen.separation(SkyCoord(moon[1].ra, moon[1].dec)).arcsec < 3
    assert one.altitude_deg == pytest.approx(moon[1].transform_to(frame[1]).alt.deg, abs=2 / 3600)
    assert one.azimuth_deg == pytest.approx(moon[1].transform_to(frame[1]).az.deg, abs=0.01)


def test_curves_are_what_the_table_says(spm: Sky) -> None:
    times = spm.midnight_unix_s + np.arange(3) * 3600.0
    table = spm.altitudes_deg(spm.directions(83.8, -5.4), times)[0]
    assert altitude_curve(83.8, -5.4, spm, times) == pytest.approx(table)
    several = azimuth(83.8, -5.4, spm, times)
    assert isinstance(azimuth(83.8, -5.4, spm, float(times[1])), float)
    assert azimuth(83.8, -5.4, spm, float(times[1])) == pytest.approx(several[1])


def test_night_of_san_pedro_martir(spm: Sky) -> None:
    # astropy 8.0.2, the Sun's centre at -18 degrees: 02:05:22 and 12:51:14 UTC.
    night = night_of(spm.location, "2026-11-22")
    assert night == spm.night
    assert abs((night.dusk - Time("2026-11-23T02:05:22")).to_value("s")) < 2
    assert abs((night.dawn - Time("2026-11-23T12:51:14")).to_value("s")) < 2
    assert night.sunset < night.dusk < night.dawn < night.sunrise


@pytest.mark.parametrize(
    ("when", "longitude", "name"),
    [
        (Time("2022-09-30T03:00:00"), -115.46, "2022-09-29"),
        (Time("2022-09-29T19:41:00"), -115.46, "2022-09-28"),  # just before the local noon
        (Time("2022-09-29T19:42:30"), -115.46, "2022-09-29"),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), 5.71, "2026-11-22"),
        (Time("2026-11-22T10:00:00"), 149.06, "2026-11-22"),
        (Time("2026-01-01T00:30:00").unix, 244.54, "2025-12-31"),
    ],
)
def test_names_of_nights(when: Time | datetime | float, longitude: float, name: str) -> None:
    assert night_name(when, longitude) == name


@pytest.mark.parametrize("place", PLACES)
def test_a_night_belongs_to_its_own_name(place: str) -> None:
    sky = Sky(_place(place), "2026-03-21")
    for unix_s in (sky.night.sunset_unix_s, sky.midnight_unix_s, sky.night.sunrise_unix_s):
        assert night_name(unix_s, sky.location) == "2026-03-21"
    assert Sky(sky.location, sky.night.dusk).night == sky.night


@pytest.mark.parametrize(("date", "words"), [("2026-06-21", "never sets"), ("2026-12-21", "stays below")])
def test_polar_day_and_night_are_refused_in_words(date: str, words: str) -> None:
    tromso = EarthLocation.from_geodetic(18.96 * u.deg, 69.65 * u.deg, 0 * u.m)
    with pytest.raises(NoNight, match=f"{date} at latitude.*{words}"):
        night_of(tromso, date)


def test_a_white_night_has_no_dark_time() -> None:
    edinburgh = EarthLocation.from_geodetic(-3.2 * u.deg, 55.95 * u.deg, 0 * u.m)
    night = night_of(edinburgh, "2026-06-21")
    assert night.dusk_unix_s == night.dawn_unix_s
    assert night.sunset < night.dusk < night.sunrise


def test_any_kind_of_place() -> None:
    spm = _place("SPM")
    observer = types.SimpleNamespace(location=spm)
    row = types.SimpleNamespace(latitude_deg=31.0443, longitude_deg=-115.4637, elevation_m=2800.0)
    assert location_of(spm) is spm
    assert location_of(observer) is spm
    assert night_of(row, "2026-11-22").dusk_unix_s == pytest.approx(night_of(spm, "2026-11-22").dusk_unix_s, abs=1e-3)
    with pytest.raises(TypeError, match="latitude_deg"):
        location_of("La Silla")  # type: ignore[arg-type]


def test_refusals_say_what_to_do(spm: Sky) -> None:
    with pytest.raises(ValueError, match="Sky of the other night"):
        spm.sun_altitude_deg(spm.midnight_unix_s + 19 * 3600)
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        Sky(spm.location, "tonight")
    with pytest.raises(ValueError, match="zone"):
        night_name(datetime(2026, 11, 22), spm.location)


def test_beyond_the_table_of_the_earths_rotation_it_goes_on() -> None:
    night = night_of(_place("OHP"), "2035-01-01")
    assert night.sunset < night.sunrise
