"""Two schedulers at once, in processes of their own: the database lets one of them have the last word."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pyros_kernel.settings import ROOT
from pyros_kernel.store import Night, PlacedSequence, Schedule, ScheduleStatus, Sequence, SequenceStatus, Store, load
from tests.pyros_kernel.store.conftest import postgresql_url, sqlite_url, url

__all__ = ["postgresql_url", "sqlite_url", "url"]

ROUNDS = 3
START = datetime(2022, 9, 30, 4, tzinfo=UTC)
SCHEDULE = """
import sys
from types import SimpleNamespace
from astropy.time import Time
from sqlalchemy import select
from pyros_kernel.clock import ManualClock
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import Night, Store
from pyros_kernel.tasks.scheduling import schedule_night
store = Store.open(sys.argv[1])
with store.session(read_only=True) as session:
    night = session.scalars(select(Night)).one()
    sky = Sky(night.site, night.name)
clock = ManualClock(Time("2022-09-30T04:00:00"))
services = SimpleNamespace(store=store, clock=clock, sky=sky, settings=Settings.from_environment("."))
print("ready", flush=True)
for line in sys.stdin:
    print(schedule_night(night.id, clock.unix_s(), line.strip(), services=services), flush=True)
store.close()
"""


@pytest.fixture
def night_id(url: str) -> int:
    store = Store.open(url)
    for name in ("initial_fixture.json", "night_2022-09-29.json"):
        load(store, ROOT / "fixtures" / name)
    hours = [START + timedelta(hours=h) for h in (-5, -3, 7, 9)]
    with store.session() as session:
        made = Night(
            name="2022-09-29", site_id=1, **dict(zip(("sunset", "dusk", "dawn", "sunrise"), hours, strict=True))
        )
        session.add(made)
        session.flush()
        found = made.id
    store.close()
    return found


def test_two_schedulers_never_both_place_a_sequence(url: str, night_id: int) -> None:
    command = [sys.executable, "-c", SCHEDULE, url]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(2)]
    made: list[int] = []
    try:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for number in range(ROUNDS):
            for process in both:
                assert process.stdin is not None
                process.stdin.write(f"round {number}\n")
                process.stdin.flush()
            made += [int(process.stdout.readline()) for process in both if process.stdout is not None]
    finally:
        for process in both:
            with process:
                process.communicate(timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert len(set(made)) == 2 * ROUNDS
    store = Store.open(url)
    with store.session(read_only=True) as session:
        status = dict(session.execute(select(Schedule.id, Schedule.status)).all())
        placed = session.scalars(
            select(PlacedSequence.sequence_id)
            .join(Schedule)
            .where(Schedule.status == ScheduleStatus.CURRENT, PlacedSequence.start.is_not(None))
        ).all()
        planned = set(session.scalars(select(Sequence.id).where(Sequence.status == SequenceStatus.PLANNED)))
    store.close()
    assert [key for key, value in status.items() if value is ScheduleStatus.CURRENT] == [max(made)]
    assert placed and max(Counter(placed).values()) == 1
    assert set(placed) == planned


def test_the_database_refuses_a_second_current_schedule_and_a_sequence_placed_twice(url: str, night_id: int) -> None:
    store = Store.open(url)

    def add(status: ScheduleStatus, *sequences: int) -> None:
        with store.session() as session:
            entries = [PlacedSequence(sequence_id=each, start=START, end=START) for each in sequences]
            times = {"created": START, "plan_start": START, "plan_end": START}
            session.add(Schedule(night_id=night_id, status=status, entries=entries, **times))

    try:
        with store.session(read_only=True) as session:
            one, two = session.scalars(select(Sequence.id).limit(2))
        add(ScheduleStatus.CURRENT, one, two)
        with pytest.raises(IntegrityError, match=r"UNIQUE|one_current_schedule"):
            add(ScheduleStatus.CURRENT, one)
        with pytest.raises(IntegrityError, match=r"UNIQUE|once_in_a_schedule"):
            add(ScheduleStatus.SUPERSEDED, one, one)
        add(ScheduleStatus.SUPERSEDED, one)
    finally:
        store.close()
