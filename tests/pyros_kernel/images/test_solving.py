"""Finding where an image points, on made-up fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from pyros_kernel.images import FieldStars, NoCatalogue, NotSolved, solve, star_source

SCALE_DEG = 0.4 / 3600
SIDE = 400
OFF = st.floats(-60, 60)


def header(ra_deg: float, dec_deg: float) -> fits.Header:
    cards = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRVAL1": ra_deg,
        "CRVAL2": dec_deg, "CRPIX1": (SIDE + 1) / 2, "CRPIX2": (SIDE + 1) / 2,
        "CD1_1": -SCALE_DEG, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": SCALE_DEG,
    }  # fmt: skip
    return fits.Header(cards)


def field(dice: np.random.Generator, ra_deg: float, dec_deg: float, stars: int) -> FieldStars:
    reach = 2.2 * SIDE * SCALE_DEG
    ra = ra_deg + dice.uniform(-reach, reach, stars) / np.cos(np.radians(dec_deg))
    return FieldStars(ra % 360, dec_deg + dice.uniform(-reach, reach, stars), np.sort(dice.uniform(10, 16, stars)))


def image(
    dice: np.random.Generator, stars: FieldStars, ra_deg: float, dec_deg: float, turn_deg: float = 0.0
) -> np.ndarray:
    data = dice.normal(500, 5, (SIDE, SIDE))
    east = ((stars.ra_deg - ra_deg + 180) % 360 - 180) * np.cos(np.radians(stars.dec_deg)) / SCALE_DEG
    north = (stars.dec_deg - dec_deg) / SCALE_DEG
    turn = np.radians(turn_deg)
    x = (SIDE - 1) / 2 - east * np.cos(turn) + north * np.sin(turn)
    y = (SIDE - 1) / 2 + east * np.sin(turn) + north * np.cos(turn)
    for one, two, mag in zip(x, y, stars.mag, strict=True):
        if 12 < one < SIDE - 12 and 12 < two < SIDE - 12:
            column, row = int(one), int(two)
            down, right = np.mgrid[row - 10 : row + 11, column - 10 : column + 11]
            light = 10 ** (0.4 * (18 - mag)) * 20 * np.exp(-((right - one) ** 2 + (down - two) ** 2) / 8)
            data[row - 10 : row + 11, column - 10 : column + 11] += light
    return data.clip(0, 65535).astype(np.uint16)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), OFF, OFF, st.floats(-0.7, 0.7), st.sampled_from((0.0, 359.99, 83.2)))
def test_a_field_is_found_where_it_is(seed: int, east: float, north: float, turn_deg: float, ra_deg: float) -> None:
    dice = np.random.default_rng(seed)
    dec_deg = 40.0
    stars = field(dice, ra_deg, dec_deg, 250)
    true_dec = dec_deg + north / 3600
    true_ra = ra_deg + east / 3600 / np.cos(np.radians(true_dec))
    data = image(dice, stars, true_ra, true_dec, turn_deg)
    found = solve(data, header(ra_deg, dec_deg), lambda *_: stars)
    assert (found.east_arcsec, found.north_arcsec) == pytest.approx((east, north), abs=0.4)
    assert found.rotation_deg == pytest.approx(turn_deg, abs=0.1) and found.matched >= 4


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_another_field_is_not_found(seed: int) -> None:
    dice = np.random.default_rng(seed)
    data = image(dice, field(dice, 10, 40, 120), 10.0, 40.0)
    with pytest.raises(NotSolved, match="agree with the catalogue"):
        solve(data, header(10.0, 40.0), lambda *_: field(dice, 10, 40, 120))


def test_what_is_missing_is_said() -> None:
    dice = np.random.default_rng(1)
    none = FieldStars(*(np.empty(0) for _ in range(3)))
    stars = field(dice, 10, 40, 120)
    data = image(dice, stars, 10.0, 40.0)
    with pytest.raises(NotSolved, match="the catalogue knows no star"):
        solve(data, header(10.0, 40.0), lambda *_: none)
    with pytest.raises(NotSolved, match="no star was found"):
        solve(np.full((SIDE, SIDE), 500, np.uint16), header(10.0, 40.0), lambda *_: stars)
    with pytest.raises(NotSolved, match="no nominal pointing"):
        solve(data, fits.Header(), lambda *_: stars)


def test_stars_come_from_tables_of_the_data_directory(tmp_path: Path) -> None:
    stars = star_source(tmp_path)
    with pytest.raises(NoCatalogue, match="RA and DEC"):
        stars(10.0, 40.0, 0.1)
    folder = tmp_path / "catalogue"
    folder.mkdir()
    Table({"ra": [10.0, 10.05, 12.0], "dec": [40.0, 40.0, 40.0], "mag": [15.0, 9.0, 5.0]}).write(folder / "one.fits")
    found = stars(10.0, 40.0, 0.1)
    assert found.ra_deg.tolist() == [10.05, 10.0] and found.mag.tolist() == [9.0, 15.0], "brightest first"
    Table({"x": [1.0]}).write(folder / "two.ecsv")
    with pytest.raises(NoCatalogue, match=r"two\.ecsv is no star catalogue"):
        stars(10.0, 40.0, 0.1)
