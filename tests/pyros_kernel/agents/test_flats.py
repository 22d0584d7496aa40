"""Which flats of the twilight come next: by the light that a camera wants, and what was taken already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from astropy.time import Time

from instruments.clock import ManualClock
from pyros_kernel import Observatory
from pyros_kernel.agents.flats import TwilightFlats
from pyros_kernel.store import Channel

SUN_3, SUN_6, SUN_10, SUN_15 = (f"2022-09-30T{clock}:00" for clock in ("01:40", "01:53", "02:12", "02:36"))
MORNING_15, MORNING_10, MORNING_6, MORNING_2 = (
    f"2022-09-30T{clock}:00" for clock in ("12:28", "12:51", "13:10", "13:28")
)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """Give an observatory with a whole night's requests: g, r, i and z on VIS, J and H on NIR."""
    with Observatory(tmp_path_factory.mktemp("flats"), start=SUN_3, fixtures=("night_2022-09-29.json",)) as opened:
        yield opened
    opened.check()


def at(obs: Observatory, when: str) -> TwilightFlats:
    return TwilightFlats(replace(obs.services, clock=ManualClock(Time(when))))


def order(flats: TwilightFlats) -> list[str]:
    """Take one after the other, without time passing."""
    taken: list[str] = []
    while (one := flats.next(3600.0)) is not None:
        taken.append(f"{one.channel} {one.filter}")
        flats.done(one)
    return taken


def test_each_channel_has_its_light_and_what_needs_much_of_it_comes_first_in_the_evening(obs: Observatory) -> None:
    assert order(at(obs, SUN_3)) == ["VIS z", "VIS i", "VIS g", "VIS r"], "too bright for the near infrared"
    assert order(at(obs, SUN_6)) == ["VIS z", "VIS i", "VIS g", "VIS r", "NIR J", "NIR H"]
    assert order(at(obs, SUN_10)) == ["NIR J", "NIR H"]
    assert order(at(obs, SUN_15)) == []


def test_the_morning_is_the_evening_backwards(obs: Observatory) -> None:
    assert order(at(obs, MORNING_15)) == []
    assert order(at(obs, MORNING_10)) == ["NIR H", "NIR J"]
    assert order(at(obs, MORNING_6)) == ["NIR H", "NIR J", "VIS r", "VIS g", "VIS i", "VIS z"]
    assert order(at(obs, MORNING_2)) == ["VIS r", "VIS g", "VIS i", "VIS z"]


def test_a_channel_whose_light_has_passed_leaves_the_other_its_own(obs: Observatory) -> None:
    flats = at(obs, MORNING_6)
    assert flats.missed(Channel.NIR) == "no more of NIR this night"
    assert (one := flats.next(3600.0)) is not None and one.channel is Channel.VIS
    flats.missed(Channel.VIS)
    assert flats.next(3600.0) is None and not flats.to_come


def test_what_the_evening_had_no_light_for_comes_in_the_morning(obs: Observatory) -> None:
    clock = ManualClock(Time(SUN_6))
    flats = TwilightFlats(replace(obs.services, clock=clock))
    assert flats.missed(Channel.VIS) == "VIS goes on in the morning"
    assert order(flats) == ["NIR J", "NIR H"]
    for when in (SUN_15, MORNING_6):
        clock.advance(Time(when).unix - clock.unix_s())
        left = order(flats)
    assert left == ["VIS r", "VIS g", "VIS i", "VIS z"]


def test_the_dome_stays_open_for_a_light_that_comes(obs: Observatory) -> None:
    assert at(obs, MORNING_15).to_come and not at(obs, SUN_10).to_come
    flats = at(obs, MORNING_10)
    flats.missed(Channel.NIR)
    assert flats.to_come, "that of VIS comes"
    assert at(obs, MORNING_6).next(60.0) is None, "a sequence begins in a minute"
