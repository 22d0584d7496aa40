"""A sky, and a night in a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import astropy.units as u
import pytest
from astropy.coordinates import EarthLocation
from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.clock import ManualClock
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import Night, Site, Store
from tests.pyros_kernel.scheduling.night_services import NIGHT, NightServices


@pytest.fixture(scope="session")
def spm() -> Sky:
    """Give the night of 2026-11-22 at San Pedro Mártir: the Moon nearly full."""
    return Sky(EarthLocation.from_geodetic(-115.4637 * u.deg, 31.0443 * u.deg, 2800 * u.m), "2026-11-22")


@pytest.fixture
def services(store: Store, tmp_path: Path) -> NightServices:
    with store.session() as session:
        site = session.scalars(select(Site)).one()
        sky = Sky(site, NIGHT)
        times = (sky.night.sunset_unix_s, sky.night.dusk_unix_s, sky.night.dawn_unix_s, sky.night.sunrise_unix_s)
        sunset, dusk, dawn, sunrise = (datetime.fromtimestamp(t, UTC) for t in times)
        night = Night(name=NIGHT, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise, site=site)
        session.add(night)
        session.flush()
        night_id = night.id
    settings = Settings(tmp_path, store.url, tmp_path / "agents.ini")
    return NightServices(store, ManualClock(Time(times[1], format="unix")), sky, night_id, settings, site)
