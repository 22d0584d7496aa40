"""Two sites."""

from __future__ import annotations

import time
from collections.abc import Callable

import astropy.units as u
import pytest
from astropy.coordinates import EarthLocation

from pyros_kernel.scheduling import Sky


@pytest.fixture(scope="session")
def spm() -> Sky:
    """Give the night of 2026-11-22 at San Pedro Mártir: the Moon nearly full."""
    return Sky(EarthLocation.from_geodetic(-115.4637 * u.deg, 31.0443 * u.deg, 2800 * u.m), "2026-11-22")


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for something to become true, and fail if it does not."""

    def wait(what: Callable[[], object], timeout_s: float = 10.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < end_s, "it did not come true"
            time.sleep(0.005)

    return wait
