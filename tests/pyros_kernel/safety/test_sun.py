"""The Sun: where it is, how near a way comes to it, and a telescope that does not go there."""

from __future__ import annotations

import math
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from instruments import Rejected, Telescope
from instruments.connect import open_instrument
from pyros_kernel.clock import Clock
from pyros_kernel.safety.sun import nearest_deg, sun_altaz_deg
from pyros_kernel.safety.sun_gate import SunSafeTelescope
from pyros_kernel.simulation import SimulatorProcess
from pyros_kernel.store import Site, Store

angles = st.tuples(st.floats(0, 90), st.floats(0, 360))


@pytest.mark.parametrize("when", ["2020-02-01T03:00", "2022-09-30T18:00", "2024-06-21T12:00", "2026-12-21T23:00"])
@pytest.mark.parametrize(("latitude", "longitude"), [(31.0, -115.5), (-29.3, -70.7), (78.2, 15.6)])
def test_the_sun_is_where_astropy_says(when: str, latitude: float, longitude: float) -> None:
    time = Time(when)
    place = EarthLocation.from_geodetic(longitude * u.deg, latitude * u.deg)
    frame = AltAz(obstime=time, location=place)
    there = get_sun(time).transform_to(frame)
    alt, az = sun_altaz_deg(latitude, longitude, float(time.unix))
    off = SkyCoord(az * u.deg, alt * u.deg, frame=frame).separation(there)
    assert off.deg < 0.03


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    return nearest_deg(a, a, b)


@given(start=angles, end=angles, sun=angles)
def test_a_way_is_never_farther_from_the_sun_than_its_ends(
    start: tuple[float, float], end: tuple[float, float], sun: tuple[float, float]
) -> None:
    assert nearest_deg(start, end, sun) <= min(_apart(start, sun), _apart(end, sun)) + 1e-6


@given(start=angles, end=angles, part=st.floats(0, 1))
def test_a_sun_on_the_way_of_the_axes_is_found(
    start: tuple[float, float], end: tuple[float, float], part: float
) -> None:
    turn = (end[1] - start[1] + 180) % 360 - 180
    on_the_way = (start[0] + part * (end[0] - start[0]), start[1] + part * turn)
    assert nearest_deg(start, end, on_the_way) < 1.0


def test_a_sun_opposite_is_far() -> None:
    assert math.isclose(nearest_deg((40, 10), (50, 20), (30, 180)), 90, abs_tol=20)


def test_a_telescope_does_not_slew_to_the_sun_nor_past_it(store: Store, tmp_path: Any) -> None:
    with store.session(read_only=True) as session:
        site = session.query(Site).one()
    noon = Clock(Time("2022-09-30T19:30:00"), 300)
    process = SimulatorProcess(store, site, noon, tmp_path / "simulators.log")
    try:
        plain = open_instrument("telescope", "telescope", process.start()["telescope"], noon)
        assert isinstance(plain, Telescope)
        with SunSafeTelescope(plain, noon, site.latitude_deg, site.longitude_deg) as telescope:
            telescope.unpark()
            sun = get_sun(noon.now())
            sun = SkyCoord(sun.ra, sun.dec, frame="icrs")
            with pytest.raises(Rejected, match=r"of the Sun, limit 30°"):
                telescope.slew_to(sun.directional_offset_by(0 * u.deg, 10 * u.deg))
            north = SkyCoord(sun.ra, 75 * u.deg)
            telescope.slew_to(north).wait(10)
            beyond = sun.directional_offset_by(180 * u.deg, 45 * u.deg)  # below the Sun, as seen from the north
            with pytest.raises(Rejected, match="the way to it"):
                telescope.slew_to(beyond)
            telescope.park().wait(10)
    finally:
        process.stop()
