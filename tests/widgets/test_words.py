"""Numbers and times in words."""

from __future__ import annotations

import math

import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

import pyros_kernel.clock  # noqa: F401 - so that astropy asks no other machine for the Earth's rotation
from widgets.header import twilight
from widgets.words import civil_text, degrees_text, esc, mean_solar_s, sidereal_s, span_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3540, "59 min"),
        (7500, "2 h 05"),
        (86400 * 3, "3 d"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span_text(seconds) == text


@given(st.floats(-1e12, 1e12))
def test_any_span_is_short(seconds: float) -> None:
    assert len(span_text(seconds)) < 12


@given(st.text())
def test_escaped_text_holds_no_markup(text: str) -> None:
    assert not set("<>\"'") & set(esc(text))


@pytest.mark.parametrize("day", ["2000-01-01T12:00:00", "2026-11-23T07:12:00", "2012-06-30T23:59:59"])
def test_sidereal_time_is_within_two_seconds_of_astropys(day: str) -> None:
    longitude = -115.4637
    theirs = Time(day, scale="utc").sidereal_time("mean", longitude * u.deg).hour * 3600
    ours = sidereal_s(Time(day, scale="utc").unix, longitude)
    assert abs((ours - theirs + 43200) % 86400 - 43200) < 2


def test_mean_solar_time_of_greenwich_is_utc() -> None:
    assert mean_solar_s(1000.0, 0.0) == 1000.0
    assert mean_solar_s(0.0, -15.0) == -3600.0


@pytest.mark.parametrize(
    ("altitude", "word"),
    [(5, "day"), (-3, "civil twilight"), (-9, "nautical twilight"), (-15, "astro. twilight"), (-40, "night")],
)
def test_the_part_of_the_day(altitude: float, word: str) -> None:
    assert twilight(altitude) == word


def test_a_minus_is_a_minus_sign() -> None:
    assert degrees_text(-12.34, 1) == "−12.3°"
    assert degrees_text(math.nan) == "–"


@pytest.mark.parametrize(
    ("zone", "text"),
    [("America/Tijuana", ("23:12", "PST")), ("UTC", ("07:12", "UTC")), ("Nowhere/At all", ("07:12", "UTC"))],
)
def test_civil_time_is_the_sites(zone: str, text: tuple[str, str]) -> None:
    assert civil_text(Time("2026-11-23T07:12:00", scale="utc").unix, zone) == text
