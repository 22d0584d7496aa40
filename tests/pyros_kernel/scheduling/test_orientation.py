"""The Earth's orientation, against astropy's own reading of the IERS data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.utils import iers

import instruments.clock  # noqa: F401  # pyright: ignore[reportUnusedImport]  # no download
from pyros_kernel.scheduling.orientation import orientation

_ZERO = 2400000.5
_FIRST, _LAST = 41684.0, 99999.0


@pytest.fixture(scope="module")
def astropys() -> Any:
    return iers.earth_orientation_table.get()


def test_it_is_what_astropy_says(astropys: Any) -> None:
    # The last leap second (57754.0) is among them; the C04 series, which astropy prefers, differs by some mas.
    days = [*np.random.default_rng(7).uniform(48000.0, 61000.0, 200), 57753.999, 57754.0, 57754.001, 57753.5]
    for mjd in days:
        ut1_utc_s, x, y = orientation(mjd)
        theirs = astropys.pm_xy(_ZERO, mjd, return_status=True)
        assert ut1_utc_s == pytest.approx(astropys.ut1_utc(_ZERO, mjd, return_status=True)[0].to_value("s"), abs=1e-3)
        assert (x, y) == pytest.approx([one.to_value("arcsec") for one in theirs[:2]], abs=0.02)


def test_outside_the_table_its_nearest_is_taken() -> None:
    assert orientation(_FIRST - 5000) == orientation(_FIRST)
    assert orientation(_LAST) == orientation(_LAST + 1)
    assert abs(orientation(_LAST)[0]) < 1
