"""The stars of a field: real ones where a catalogue is installed, and a synthetic faint field.

The synthetic sky needs no catalogue: the same stars at each visit, seeded per cell of one square degree.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.catalogue import bright_stars_around, complete_mag

FloatArray = NDArray[np.float64]

_FAINTEST_MAG = 18.0
_BRIGHTEST_MAG = 6.0
_STARS_PER_DEG2 = 4000  # to the faintest magnitude, at middle galactic latitude
_SLOPE = 0.35  # of log N per magnitude
_SKY_SEED = 20161201


class Stars(NamedTuple):
    """Stars of a field: ICRS degrees, and magnitudes in the visible and near infrared; shape (n,) each."""

    ra_deg: FloatArray
    dec_deg: FloatArray
    vis_mag: FloatArray
    nir_mag: FloatArray


def stars_around(ra_deg: float, dec_deg: float, radius_deg: float) -> Stars:
    """Give the stars of all cells that a circle touches."""
    bands: list[Stars] = []
    for band in range(max(math.floor(dec_deg - radius_deg), -90), min(math.floor(dec_deg + radius_deg), 89) + 1):
        count = _cells(band)
        nearest_pole = min(abs(dec_deg) + radius_deg, 89.999)
        reach_deg = min(radius_deg / math.cos(math.radians(nearest_pole)), 180.0)
        first = math.floor((ra_deg - reach_deg) / 360 * count)
        last = math.floor((ra_deg + reach_deg) / 360 * count)
        bands.extend(_cell(band, cell % count) for cell in range(first, min(last, first + count - 1) + 1))
    stars = Stars(*(np.concatenate(column) for column in zip(*bands, strict=True)))
    bright = bright_stars_around(round(ra_deg, 6), round(dec_deg, 6), radius_deg)
    if bright is None:
        return stars
    # Where the catalogue is complete no star is invented.
    faint = stars.vis_mag > complete_mag()
    return Stars(*(np.concatenate((ours[faint], theirs)) for ours, theirs in zip(stars, bright, strict=True)))


def _cells(band: int) -> int:
    """Tell how many cells of about a square degree a band of declination has."""
    return max(1, round(360 * math.cos(math.radians(band + 0.5))))


@lru_cache(maxsize=64)
def _cell(band: int, cell: int) -> Stars:
    dice = np.random.Generator(np.random.PCG64([_SKY_SEED, band + 90, cell]))
    count = _cells(band)
    low, high = math.sin(math.radians(band)), math.sin(math.radians(band + 1))
    area_deg2 = math.degrees(math.degrees(2 * math.pi / count * (high - low))) / 1.0
    n = int(dice.poisson(_STARS_PER_DEG2 * area_deg2))
    ra = (cell + dice.random(n)) * 360 / count
    dec = np.degrees(np.arcsin(dice.uniform(low, high, n)))
    mag = np.maximum(_FAINTEST_MAG + np.log10(1 - dice.random(n)) / _SLOPE, _BRIGHTEST_MAG)
    colour = dice.normal(1.6, 0.6, n)
    return Stars(ra, dec, mag, mag - colour)
