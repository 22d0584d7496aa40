"""An alert with a sky map, from its packet to the fields that the night takes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from sqlalchemy import select

from pyros_kernel import Observatory
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, RecipeRecord, Sequence, SequenceStatus, Strategy
from tests.pyros_kernel.recipes.sky_map import sky_map
from tests.waiting import status, until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
NAMED = SkyCoord(64.7373, 13.3517, unit="deg")  # by the packet
LIKELY = SkyCoord(64.95, 13.75, unit="deg")  # by the map, in the packet's circle
FIELDS = 4


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    """A burst that is known to half a degree."""
    path, circle = tmp_path / "wide.xml", b"<Error2Radius>0.0500</Error2Radius>"
    assert circle in SWIFT
    path.write_bytes(SWIFT.replace(circle, b"<Error2Radius>0.5000</Error2Radius>"))
    return path


def ask_for_maps(obs: Observatory) -> None:
    """Let the strategy for what is known badly look up a map, and take few fields."""
    plans = [{"filter": "r", "exposure_time_s": 20, "number_of_images": FIELDS}]
    with obs.store.session() as session:
        wide = session.scalars(select(Strategy).where(Strategy.name == "wide")).one()
        parameters = {"skymap": "skymaps/{trigger_id}.fits", "overlap": 0.1}
        wide.observation = {**wide.observation, "parameters": parameters, "albums": {"VIS": plans}}


def observed(obs: Observatory) -> Sequence | None:
    with obs.store.session(read_only=True) as session:
        (alert,) = session.scalars(select(Alert)).all() or (None,)
        of_it = select(Sequence).where(Sequence.request_id == alert.request_id) if alert else None
        found = None if of_it is None else session.scalars(of_it).one_or_none()
        return found if found is not None and found.status is SequenceStatus.EXECUTED else None


@pytest.mark.parametrize("has_come", [True, False], ids=["map", "not-yet"])
def test_the_night_takes_the_best_fields_of_a_map_or_its_circle_while_there_is_none(
    tmp_path: Path, packet: Path, has_come: bool
) -> None:
    data = tmp_path / "data"
    if has_come:
        (data / "skymaps").mkdir(parents=True)
        sky_map(data / "skymaps" / "1125809.fits", LIKELY, 0.15)
    with Observatory(data, start="2022-09-30T10:30:00", speed=60) as obs:
        ask_for_maps(obs)
        obs.observe()
        until(lambda: status(obs) == "observing", "observing")
        assert obs.alerts.send(packet).ack
        until(lambda: observed(obs) is not None, "its fields are taken", 90)
        sequence = observed(obs)
        assert sequence is not None and sequence.recipe == "follow_alert"
        assert sequence.reason == f"recipe follow_alert, {FIELDS} images"
        with obs.store.session(read_only=True) as session:
            run = session.scalars(select(RecipeRecord).where(RecipeRecord.of_night)).all()[-1]
            looked = [step.name for step in run.steps if step.name == "tiles"]
        taken = [fits.getheader(path) for path in sorted(data.glob("2022-09-29/images/*.fits"))]
    obs.check()
    seen = [SkyCoord(h["SIM_RA"], h["SIM_DEC"], unit="deg") for h in taken if "1125809" in h["OBJECT"]]
    centre = LIKELY if has_come else NAMED
    assert looked == (["tiles"] if has_come else []), "the map was read, once"
    assert len(seen) == FIELDS and max(s.separation(centre).deg for s in seen) < 0.25
    assert min(a.separation(b).arcsec for a in seen for b in seen if a is not b) > 150, "fields side by side"
