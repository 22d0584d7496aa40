"""Two sites."""

from __future__ import annotations

from collections.abc import Callable

import astropy.units as u
import pytest
from astropy.coordinates import EarthLocation

from pyros_kernel.scheduling import Sky
from tests.waiting import until


@pytest.fixture(scope="session")
def spm() -> Sky:
    """Give the night of 2026-11-22 at San Pedro Mártir: the Moon nearly full."""
    return Sky(EarthLocation.from_geodetic(-115.4637 * u.deg, 31.0443 * u.deg, 2800 * u.m), "2026-11-22")


@pytest.fixture(name="until")
def _until() -> Callable[..., object]:
    return until
