"""The stars that a catalogue knows in a field: of a table on disk, or of the simulated sky."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from instruments import InstrumentError
from instruments.pyros import SimulatorControl

FOLDER = "catalogue"
_HOW = f"put a table with the columns RA and DEC (ICRS, degrees) and MAG into {FOLDER}/ of the data directory"


class NoCatalogue(Exception):
    """There is no star catalogue to solve with; says where one is looked for."""


class FieldStars(NamedTuple):
    """Stars of a field: ICRS degrees and magnitudes, brightest first; shape (n,) each."""

    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    mag: NDArray[np.float64]


StarSource: TypeAlias = Callable[[float, float, float], FieldStars]
"""Gives the stars within a radius of a place; all in degrees, ICRS.  It raises :class:`NoCatalogue`."""


def star_source(data: Path, control_address: str = "") -> StarSource:
    """Choose where stars are looked up: the simulated sky where there is one, else tables of the data directory.

    :param control_address: of the simulators' own port; empty with real instruments
    """
    if control_address:
        return partial(_simulated, control_address)
    return partial(_of_tables, data / FOLDER)


def _simulated(address: str, ra_deg: float, dec_deg: float, radius_deg: float) -> FieldStars:
    try:
        with SimulatorControl(address) as control:
            stars = control.stars(ra_deg, dec_deg, radius_deg)
    except InstrumentError as error:
        raise NoCatalogue(f"the simulated sky tells no stars: {error}") from error
    return _brightest_first(*(np.asarray(stars[name], np.float64) for name in ("ra", "dec", "mag")))


def _of_tables(folder: Path, ra_deg: float, dec_deg: float, radius_deg: float) -> FieldStars:
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".fits", ".ecsv")) if folder.is_dir() else []
    if not paths:
        raise NoCatalogue(f"no star catalogue: {_HOW}")
    ra, dec, mag = (np.concatenate(column) for column in zip(*map(_read, paths), strict=True))
    cosine = np.sin(np.radians(dec)) * math.sin(math.radians(dec_deg)) + np.cos(np.radians(dec)) * math.cos(
        math.radians(dec_deg)
    ) * np.cos(np.radians(ra - ra_deg))
    near = cosine >= math.cos(math.radians(radius_deg))
    return _brightest_first(ra[near], dec[near], mag[near])


@lru_cache(maxsize=8)
def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    try:
        table: Any = Table.read(path)
        names = {str(name).upper(): name for name in table.colnames}
        ra, dec, mag = (np.asarray(table[names[name]], np.float64) for name in ("RA", "DEC", "MAG"))
    except (OSError, KeyError, ValueError) as error:
        raise NoCatalogue(f"{path} is no star catalogue ({error}): {_HOW}") from error
    return ra, dec, mag


def _brightest_first(ra: NDArray[np.float64], dec: NDArray[np.float64], mag: NDArray[np.float64]) -> FieldStars:
    order = np.argsort(mag, kind="stable")
    return FieldStars(ra[order], dec[order], mag[order])
