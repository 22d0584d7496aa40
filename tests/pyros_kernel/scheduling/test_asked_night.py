"""A night that observes what was asked for from the notebook: a body that moves, a series, and no more than it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord, get_body
from astropy.io import fits
from astropy.time import Time
from sqlalchemy import select

from pyros_kernel import Observatory
from pyros_kernel.store import Album, Image, Plan, Sequence, SequenceStatus
from tests.waiting import status, until

PLAIN = {"programme": "Clusters and standards", "filter": "r", "exposure_s": 30.0, "exposures": 1}


@pytest.fixture
def obs(tmp_path: Path) -> Iterator[Observatory]:
    observatory = Observatory(tmp_path, start="2022-09-30T05:30:00", speed=200)
    with observatory as opened:
        yield opened
    observatory.check()


def test_the_night_observes_what_was_asked_for(obs: Observatory) -> None:
    desk = obs.schedule
    desk.forecast([("05:00", 2.5, 0.6), ("12:00", 2.5, 0.6)], "a test")
    (jupiter,) = desk.ask(name="Jupiter", body="jupiter", mandatory="yes", **PLAIN)
    series = desk.ask(name="V", ra=330.0, dec=30.0, repeats=2, min_gap_s=900.0, max_gap_s=3600.0, **PLAIN)
    (sharp,) = desk.ask(name="sharp", ra=335.0, dec=30.0, seeing=1.0, nights=1, **PLAIN)
    scan = PLAIN | {"exposure_s": 5.0, "exposures": 7, "recipe": "autofocus"}
    (focus,) = desk.ask(name="focus", ra=320.0, dec=30.0, mandatory="yes", **scan)
    obs.observe()

    def over() -> bool:
        with obs.store.session(read_only=True) as session:
            statuses = [session.get_one(Sequence, key).status for key in (jupiter, focus, *series)]
            return all(s is SequenceStatus.EXECUTED for s in statuses)

    until(over, "all are observed")
    with obs.store.session(read_only=True) as session:
        first, second = (session.get_one(Sequence, key) for key in series)
        assert first.started is not None
        assert second.started is not None
        assert 890.0 <= (second.started - first.started).total_seconds() <= 3600.0 + 130.0
        image = session.scalars(
            select(Image).join(Plan).join(Album).where(Album.sequence_id == jupiter, Image.kind == "light")
        ).first()
        assert image is not None
        header = fits.getheader(obs.settings.data / image.path)
    where = SkyCoord(header["RA"], header["DEC"], unit=u.deg)
    body = get_body("jupiter", Time(header["DATE-OBS"], scale="utc"), obs.services.sky.location)
    assert where.separation(SkyCoord(body.ra, body.dec)).arcmin < 5.0
    obs.stop_night("a test")
    until(lambda: status(obs) in ("closed", "done"), "the night is over")
    with obs.store.session(read_only=True) as session:
        missed = session.get_one(Sequence, sharp)
        assert missed.status is SequenceStatus.CANCELLED
        assert "asked for until the night 2022-09-29 only; never seeing below 1 arcsec" in missed.reason
