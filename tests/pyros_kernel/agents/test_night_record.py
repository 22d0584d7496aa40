"""What the store hears of the night: all of it in order, though it is away for a while."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from pyros_kernel.agents.night_record import NightRecord
from pyros_kernel.store import Night, NightStatus, Site, Store


class Interrupted:
    """A store that can be away."""

    def __init__(self, store: Store) -> None:
        self.store, self.away = store, False

    @contextmanager
    def session(self) -> Any:
        if self.away:
            raise OperationalError("UPDATE", {}, OSError("server closed the connection"))
        with self.store.session() as session:
            yield session


@dataclass
class Services:
    store: Interrupted
    night_id: int


@pytest.fixture
def services(store: Store) -> Services:
    now = datetime(2026, 11, 21, 22, tzinfo=UTC)
    with store.session() as session:
        site = session.scalars(select(Site)).first()
        night = Night(name="2026-11-21", sunset=now, dusk=now, dawn=now, sunrise=now, site=site)
        session.add(night)
        session.flush()
        return Services(Interrupted(store), night.id)


def _told(services: Services) -> tuple[NightStatus, str]:
    with services.store.store.session(read_only=True) as session:
        night = session.get_one(Night, services.night_id)
        return night.status, night.reason


def test_a_night_goes_on_while_the_store_is_away_and_is_written_down_then(services: Services) -> None:
    record = NightRecord(services)  # type: ignore[arg-type]
    record.note(NightStatus.WAITING, "twilight")
    services.store.away = True
    record.note(NightStatus.OPENING, "")
    record.note(NightStatus.PAUSED, "clouds")
    record.note(NightStatus.PAUSED, "rain")
    record.note(NightStatus.CLOSING, "dawn")
    assert _told(services) == (NightStatus.WAITING, "twilight")
    with pytest.raises(OperationalError):
        record.write_now()
    services.store.away = False
    record.write_now()  # straight from waiting to closed would be refused
    assert _told(services) == (NightStatus.CLOSING, "dawn")
    record.note(NightStatus.CLOSED, "dawn")
    assert _told(services) == (NightStatus.CLOSED, "dawn")


def test_a_state_that_the_store_refuses_does_not_hold_up_the_next(services: Services) -> None:
    record = NightRecord(services)  # type: ignore[arg-type]
    record.note(NightStatus.OBSERVING, "")
    record.note(NightStatus.WAITING, "")
    assert _told(services) == (NightStatus.WAITING, "")
