"""Which fields to take: those that cover an error circle, or the best of a sky map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy_healpix import HEALPix, level_to_nside, uniq_to_level_ipix
from numpy.typing import NDArray

from pyros_kernel.recipes.errors import BadArgument

_DEEPEST = 14  # cells of 13 arcseconds: no field is as small
_FINER = 9  # levels below the densest cell's, at most: a quarter of a million parts
_MOST_CELLS = 400_000  # of the map's densest part that are looked at


@dataclass(frozen=True, slots=True)
class Tile:
    """A field; ICRS degrees.

    :param probability: that the source lies in it, by the sky map
    """

    ra_deg: float
    dec_deg: float
    probability: float


def tiles_of_circle(radius: float, field: float, overlap: float) -> list[tuple[float, float]]:
    """Cover a circle with squares, those nearest to its centre first.

    :param radius: of the circle, in the unit of ``field``
    :param field: side of a square
    :param overlap: of neighbours, as a fraction of a side
    :return: centres (x, y) from the circle's; every point of the circle lies in a square
    """
    step = field * (1 - overlap)
    if radius <= field / 2 / math.sqrt(2):
        return [(0.0, 0.0)]
    reach = math.ceil(radius / step)
    grid = [(x * step, y * step) for x in range(-reach, reach + 1) for y in range(-reach, reach + 1)]
    # A square is needed if its point nearest to the centre lies in the circle.
    needed = [p for p in grid if math.hypot(*(max(abs(c) - field / 2, 0.0) for c in p)) < radius]
    return sorted(needed, key=lambda p: (round(math.hypot(*p), 6), math.atan2(*p)))


def tiles_of_map(path: Path, field_deg: float, most: int) -> list[Tile]:
    """Choose the fields that hold most of a sky map's probability, the best first.

    The fields lie in rows of equal declination, beside one another.  Of the map only its densest part is looked at:
    four times as much sky as the fields can cover.

    :param path: a multi-order HEALPix map as LIGO-Virgo-KAGRA and others send it (FITS: UNIQ, PROBDENSITY)
    :param field_deg: from one field's centre to the next
    :param most: how many fields there may be
    :raises BadArgument: if it is no such map
    """
    level, cell, density = _read(path)
    fine = min(_DEEPEST, max(0, math.ceil(math.log2(58.6323 / (field_deg / 3)))))  # a third of a field, or finer
    enough_sr = 4 * most * math.radians(field_deg) ** 2
    ra, dec, probability = _densest(level, cell, density, fine, enough_sr)
    row = np.floor(dec / field_deg).astype(np.int64)
    nearest = np.clip(
        np.where(row >= 0, row, row + 1) * field_deg, -89.999, 89.999
    )  # to the equator: there it is widest
    columns = np.maximum(1, np.ceil(360.0 * np.cos(np.radians(nearest)) / field_deg)).astype(np.int64)
    column = np.minimum((ra / 360.0 * columns).astype(np.int64), columns - 1)
    named, index = np.unique(np.stack([row, column, columns], axis=1), axis=0, return_inverse=True)
    total = np.bincount(index.ravel(), weights=probability)
    best = np.argsort(-total, kind="stable")[:most]
    return [
        Tile((named[i, 1] + 0.5) * 360.0 / named[i, 2], float((named[i, 0] + 0.5) * field_deg), float(total[i]))
        for i in best
    ]


def _read(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    try:
        table = QTable.read(path, format="fits")
        level, cell = uniq_to_level_ipix(np.asarray(table["UNIQ"], np.int64))
        density = np.asarray(u.Quantity(table["PROBDENSITY"]).value, np.float64)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BadArgument(f"{path} is no multi-order sky map (columns UNIQ and PROBDENSITY): {error}") from error
    if not len(density) or not np.all(np.isfinite(density)) or density.min() < 0:
        raise BadArgument(f"{path}: its probability densities must be positive numbers")
    return np.asarray(level, np.int64), np.asarray(cell, np.int64), density


def _densest(
    level: NDArray[np.int64], cell: NDArray[np.int64], density: NDArray[np.float64], fine: int, enough_sr: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give right ascension, declination and probability of the densest part's cells, parted to level ``fine``."""
    order = np.argsort(-density, kind="stable")
    level, cell, density = level[order], cell[order], density[order]
    area_sr = math.pi / 3 / 4.0**level
    fine = min(fine, int(level[0]) + _FINER)
    parts = np.where(level < fine, 4.0 ** (fine - level), 1.0)
    kept = max(1, int(np.count_nonzero((np.cumsum(area_sr) <= enough_sr) & (np.cumsum(parts) <= _MOST_CELLS))))
    ra, dec, probability = [], [], []
    for one in np.unique(level[:kept]):
        mine = np.flatnonzero(level[:kept] == one)
        down = max(0, fine - int(one))
        # Nested: the parts of a cell are numbered one after the other.
        parts_of = (cell[mine, None] * 4**down + np.arange(4**down)).ravel()
        healpix = HEALPix(level_to_nside(max(int(one), fine)), order="nested")
        lon, lat = healpix.healpix_to_lonlat(parts_of)
        ra.append(np.asarray(lon.to_value(u.deg)))
        dec.append(np.asarray(lat.to_value(u.deg)))
        probability.append(np.repeat(density[mine] * area_sr[mine] / 4**down, 4**down))
    return np.concatenate(ra), np.concatenate(dec), np.concatenate(probability)
