"""The cheap formulas, against astropy."""

from __future__ import annotations

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from instruments.horizon import Horizon, separation_deg

HORIZON = Horizon(31.0443, -115.4637)
PLACE = EarthLocation.from_geodetic(-115.4637, 31.0443, 2800)
RA, DEC = st.floats(0, 360), st.floats(-89.9, 89.9)
WHEN = st.floats(1.6e9, 1.85e9)


@pytest.mark.parametrize("iso", ["2025-01-07T05:00:00", "2026-11-23T09:30:00", "2027-06-15T11:00:00"])
def test_altitude_and_azimuth_agree_with_astropy(iso: str) -> None:
    time = Time(iso)
    sky = SkyCoord([10, 95, 181.3, 250, 330, 0], [5, -30, 45.2, 80, 20, -60], unit="deg")
    truth = sky.transform_to(AltAz(obstime=time, location=PLACE))
    for i, star in enumerate(sky):
        altitude, azimuth = HORIZON.altaz_deg(star.ra.deg, star.dec.deg, time.unix)
        assert separation_deg(azimuth, altitude, truth[i].az.deg, truth[i].alt.deg) < 0.03


def test_the_sun_agrees_with_astropy() -> None:
    for hour in range(0, 24, 5):
        time = Time("2026-11-23T00:00:00") + hour * u.hour
        truth = get_sun(time).transform_to(AltAz(obstime=time, location=PLACE)).alt.deg
        assert HORIZON.sun_altitude_deg(time.unix) == pytest.approx(truth, abs=0.03)


@given(RA, DEC, WHEN)
def test_there_and_back(ra: float, dec: float, when: float) -> None:
    back = HORIZON.radec_deg(*HORIZON.altaz_deg(ra, dec, when), when)
    assert separation_deg(ra, dec, *back) < 1e-6


@given(RA, DEC, RA, DEC)
def test_separation_agrees_with_astropy(ra1: float, dec1: float, ra2: float, dec2: float) -> None:
    truth = SkyCoord(ra1, dec1, unit="deg").separation(SkyCoord(ra2, dec2, unit="deg")).deg
    assert separation_deg(ra1, dec1, ra2, dec2) == pytest.approx(truth, abs=1e-9)
