"""Where an image really points: its stars laid over a catalogue's, from the nominal pointing on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from pyros_kernel.images.field_stars import FieldStars, StarSource
from pyros_kernel.images.quicklook import sky_of
from pyros_kernel.images.stars import Floats, find_stars

SEARCH_ARCSEC = 120.0
_FOUND, _KNOWN = 80, 300  # the brightest so many of the image and of the catalogue are compared
_BIN_PX = 4.0  # of the vote on the shift: three bins are as wide as a turn of a degree moves a star at the edge
_NEAR_PX = (6.0, 3.0, 2.0)  # of a pair, ever closer while the fit gets better
_FEWEST = 4
_BESIDE = (-1, 0, 1)
_HALF = 4  # half the side of the window for a star's centre, pixels

Points = NDArray[np.float64]


class NotSolved(Exception):
    """An image's stars don't match the catalogue's; says how many of each there are."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Where an image really points.

    :param ra_deg: of its centre, ICRS
    :param dec_deg: of its centre, ICRS
    :param east_arcsec: from the nominal centre to the real one, on the sky
    :param north_arcsec: the same to the north
    :param rotation_deg: of the real field against the nominal one, from north through east
    :param scale: of the real pixels over the nominal ones
    :param matched: stars of the image that are stars of the catalogue
    :param rms_arcsec: of their distances after the fit
    """

    ra_deg: float
    dec_deg: float
    east_arcsec: float
    north_arcsec: float
    rotation_deg: float
    scale: float
    matched: int
    rms_arcsec: float

    @property
    def offset_arcsec(self) -> float:
        """How far the image's centre lies from where it should."""
        return math.hypot(self.east_arcsec, self.north_arcsec)


def solve(
    data: NDArray[np.generic], header: fits.Header, stars: StarSource, search_arcsec: float = SEARCH_ARCSEC
) -> Solution:
    """Find where an image points, near where its header says that it was told to.

    The shift is what most pairs of a found and a known star agree about; shift, turn and scale are then fitted to the
    pairs by least squares.

    :param data: counts, shape (rows, columns)
    :param header: with a nominal WCS, as every image of PyROS has
    :param search_arcsec: how far off the pointing may be
    :raises NotSolved: if too few stars agree
    :raises NoCatalogue: if there is nothing to compare them with
    """
    nominal = WCS(header, fix=False)
    if not nominal.has_celestial:
        raise NotSolved("the header has no nominal pointing: the camera's settings lack pixel_scale_arcsec")
    rows, columns = data.shape
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    scale_arcsec = float(np.sqrt(nominal.proj_plane_pixel_area().to_value(u.arcsec**2)))
    found = centroids(data)[:_FOUND]
    known = _near(nominal, middle, math.hypot(*middle) * scale_arcsec + search_arcsec, stars)
    agreed = _shift(found, known, search_arcsec / scale_arcsec)
    turn, shift, near = _fit(found, known, agreed)
    inside = ((known >= 0) & (known < (columns, rows))).all(axis=1).sum()
    by_chance = len(found) * inside * math.pi * _NEAR_PX[-1] ** 2 / data.size
    if len(near) < max(_FEWEST, 3 * by_chance + 2):
        raise NotSolved(f"only {len(near)} of {len(found)} stars agree with the catalogue's {inside} in the field")
    off = found[near[:, 0]] - _moved(known[near[:, 1]], turn, shift)
    real = (complex(*middle) - shift) / turn
    centre = SkyCoord(*nominal.pixel_to_world_values(real.real, real.imag), unit="deg")
    told = SkyCoord(*nominal.pixel_to_world_values(*middle), unit="deg")
    east, north = (float(angle.to_value(u.arcsec)) for angle in told.spherical_offsets_to(centre))
    mirrored = np.linalg.det(nominal.pixel_scale_matrix) > 0
    return Solution(
        ra_deg=float(centre.ra.deg),
        dec_deg=float(centre.dec.deg),
        east_arcsec=east,
        north_arcsec=north,
        rotation_deg=math.degrees(math.atan2(turn.imag, turn.real)) * (1 if mirrored else -1),
        scale=1 / abs(turn),
        matched=len(near),
        rms_arcsec=scale_arcsec * float(np.sqrt((off**2).sum(axis=1).mean())),
    )


def centroids(data: NDArray[np.generic]) -> Points:
    """Give the centres of an image's stars, brightest first: (column, row) from 0, shape (n, 2)."""
    image = np.asarray(data, np.float32)
    sky, noise = sky_of(image)
    free: Floats = image - np.float32(sky)
    rows, columns = find_stars(free, noise)
    inside = (rows >= _HALF) & (rows < image.shape[0] - _HALF) & (columns >= _HALF) & (columns < image.shape[1] - _HALF)
    rows, columns = rows[inside], columns[inside]
    reach = np.arange(-_HALF, _HALF + 1)
    windows = free[rows[:, None, None] + reach[None, :, None], columns[:, None, None] + reach[None, None, :]]
    light = np.where(windows > 2 * noise, windows, 0).astype(np.float64)
    total = np.maximum(light.sum(axis=(1, 2)), 1e-9)
    x = columns + (light * reach[None, None, :]).sum(axis=(1, 2)) / total
    y = rows + (light * reach[None, :, None]).sum(axis=(1, 2)) / total
    return np.stack([x, y], axis=1)


def _near(nominal: Any, middle: Points, radius_arcsec: float, stars: StarSource) -> Points:
    """Give where the nominal pointing would put the catalogue's stars, in pixels."""
    ra_deg, dec_deg = (float(value) for value in nominal.pixel_to_world_values(*middle))
    known: FieldStars = stars(ra_deg, dec_deg, radius_arcsec / 3600)
    if not len(known.ra_deg):
        raise NotSolved("the catalogue knows no star there")
    pixels = nominal.world_to_pixel_values(known.ra_deg[:_KNOWN], known.dec_deg[:_KNOWN])
    return np.stack(pixels, axis=1)


def _shift(found: Points, known: Points, search_px: float) -> Points:
    """Give the shift that most pairs agree about, as (column, row)."""
    if not len(found):
        raise NotSolved("no star was found in the image")
    apart = (found[:, None, :] - known[None, :, :]).reshape(-1, 2)
    apart = apart[np.hypot(*apart.T) <= search_px]
    if not len(apart):
        raise NotSolved("no star lies near one of the catalogue")
    bins = max(3, math.ceil(2 * search_px / _BIN_PX))
    edges = np.linspace(-search_px, search_px, bins + 1)
    votes, _, _ = np.histogram2d(*apart.T, bins=(edges, edges))
    around = np.pad(votes, 1)
    # The middle counts most, so that the best bin is the one that the pairs lie in, and none beside it.
    total = sum((2 - abs(i)) * (2 - abs(j)) * around[1 + i :, 1 + j :][:bins, :bins] for i in _BESIDE for j in _BESIDE)
    column, row = np.unravel_index(int(np.argmax(total)), votes.shape)
    place = np.array([edges[column] + edges[column + 1], edges[row] + edges[row + 1]]) / 2
    agree = apart[np.hypot(*(apart - place).T) <= 1.5 * _BIN_PX]
    return np.median(agree, axis=0) if len(agree) else place


def _fit(found: Points, known: Points, shift: Points) -> tuple[complex, complex, NDArray[np.intp]]:
    """Fit turn, scale and shift as one complex line, with pairs that come closer while it gets better.

    :return: factor, shift, and the pairs (index of the found star, index of the known one)
    """
    turn, move = 1 + 0j, complex(*shift)
    near = np.empty((0, 2), np.intp)
    for reach in _NEAR_PX:
        placed = _moved(known, turn, move)
        apart = np.hypot(*(found[:, None, :] - placed[None, :, :]).transpose(2, 0, 1))
        closest, closest_found = apart.argmin(axis=1), apart.argmin(axis=0)
        mine = np.arange(len(found))
        good = (apart[mine, closest] <= reach) & (closest_found[closest] == mine)
        near = np.stack([mine[good], closest[good]], axis=1)
        if len(near) < 3:
            break
        z, w = (points[:, 0] + 1j * points[:, 1] for points in (known[near[:, 1]], found[near[:, 0]]))
        turn, move = (complex(x) for x in np.linalg.lstsq(np.stack([z, np.ones_like(z)], axis=1), w, rcond=None)[0])
    return turn, move, near


def _moved(points: Points, turn: complex, shift: complex) -> Points:
    z = (points[:, 0] + 1j * points[:, 1]) * turn + shift
    return np.stack([z.real, z.imag], axis=1)
