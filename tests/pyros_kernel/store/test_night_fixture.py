"""The night of 2022-09-29 asks for what its README says: more than fits, and four things that can't be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from pyros_kernel.scheduling import Block, Sky, Transition, night_of, plan
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Sequence, SequenceStatus, Site, Store, load


@dataclass(frozen=True, slots=True)
class Asked:
    """What the fixture asks for, as the planner takes it."""

    site: Site
    blocks: list[Block]
    images: dict[int, int]


@pytest.fixture
def asked(store: Store) -> Asked:
    load(store, ROOT / "fixtures" / "night_2022-09-29.json")
    with store.session(read_only=True) as session:
        site = session.scalars(select(Site)).one()
        sequences = session.scalars(select(Sequence)).all()
        assert {s.status for s in sequences} == {SequenceStatus.OBSERVABLE}
        blocks = [
            Block(
                s.id,
                s.ra_deg,
                s.dec_deg,
                max(sum(p.number_of_images * p.exposure_time_s for p in a.plans) for a in s.albums),
                priority=s.priority,
                min_altitude_deg=s.min_altitude_deg,
                max_sun_altitude_deg=s.max_sun_altitude_deg,
                min_moon_separation_deg=s.min_moon_separation_deg,
                window=(s.window_start.timestamp(), s.window_end.timestamp())
                if s.window_start and s.window_end
                else None,
                name=s.target,
            )
            for s in sequences
        ]
        images = {s.id: sum(p.number_of_images for a in s.albums for p in a.plans) for s in sequences}
    return Asked(site, blocks, images)


def test_four_are_impossible_and_the_rest_is_more_than_fits(asked: Asked) -> None:
    night = night_of(asked.site, "2022-09-29")
    sky = Sky(asked.site, night)
    span = {"start_unix_s": night.sunset_unix_s, "end_unix_s": night.sunrise_unix_s}
    slew = Transition(15.0, 5.0, 5.0)
    alone = {b.name: bool(plan([b], sky, slew, **span).placed) for b in asked.blocks}
    assert {name for name, possible in alone.items() if not possible} == {"47 Tuc", "NGC 300", "M 42", "M 1"}

    together = plan(asked.blocks, sky, slew, **span)
    assert 20 <= len(together.placed) <= 32
    assert len(together.rejected) >= 10
    assert sum(asked.images[int(p.id)] for p in together.placed) <= 180
    observed_s = sum(p.end_unix_s - p.start_unix_s for p in together.placed)
    assert observed_s > 0.8 * (night.dawn_unix_s - night.dusk_unix_s)
