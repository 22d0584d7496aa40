"""Positions of date against astropy's, and there and back."""

from __future__ import annotations

import pytest
from astropy import units as u
from astropy.coordinates import TETE, SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from instruments.horizon import separation_deg
from instruments.of_date import icrs_deg, of_date_deg

S_2020, S_2035 = 1577836800.0, 2051222400.0


@pytest.mark.parametrize(("ra", "dec"), [(83.82, -5.39), (0.01, 89.2), (266.4, -29.0), (359.99, 0.0)])
@pytest.mark.parametrize("when", ["2024-03-20T03:00:00", "2026-11-22T04:00:00"])
def test_it_is_astropys_apparent_place(ra: float, dec: float, when: str) -> None:
    time = Time(when, scale="utc")
    theirs = SkyCoord(ra, dec, unit="deg").transform_to(TETE(obstime=time))
    ours = SkyCoord(*of_date_deg(ra, dec, float(time.unix)), unit="deg", frame=TETE(obstime=time))
    assert theirs.separation(ours) < 0.05 * u.arcsec


@given(st.floats(0, 359.999), st.floats(-89.9, 89.9), st.floats(S_2020, S_2035))
def test_there_and_back_is_where_it_was(ra: float, dec: float, unix_s: float) -> None:
    there = of_date_deg(ra, dec, unix_s)
    assert separation_deg(ra, dec, *there) < 0.5
    assert separation_deg(ra, dec, *icrs_deg(*there, unix_s)) * 3600 < 1e-3
