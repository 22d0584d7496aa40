"""From the store to the store: what is planned, what is told, what moves, and the Scheduler that does it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound, OperationalError
from sqlalchemy.orm import Session

from pyros_kernel.agents import Agent, AgentConfig, Message, Sender
from pyros_kernel.agents.scheduler import Scheduler
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import ROOT
from pyros_kernel.store import (
    Channel,
    Device,
    DeviceKind,
    Image,
    Night,
    Plan,
    RequestStatus,
    Schedule,
    ScheduleStatus,
    Sequence,
    SequenceStatus,
    load,
)
from pyros_kernel.tasks.scheduling import schedule_night
from tests.pyros_kernel.scheduling.night_services import NIGHT
from tests.pyros_kernel.scheduling.night_services import NightServices as Services

OBSERVABLE, PLANNED, EXECUTING = SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED, SequenceStatus.EXECUTING


def test_the_fixtures_night(services: Services) -> None:
    load(services.store, ROOT / "fixtures" / f"night_{NIGHT}.json")
    schedule_id = services.schedule(services.sky.night.sunset_unix_s)
    with services.store.session(read_only=True) as session:
        schedule = session.get_one(Schedule, schedule_id)
        entries = list(schedule.entries)
        placed = [e for e in entries if e.start is not None]
        assert (schedule.night_id, schedule.status) == (services.night_id, ScheduleStatus.CURRENT)
        assert schedule.plan_end == schedule.night.sunrise
        assert schedule.reason == "a test"
        assert schedule.created == datetime.fromtimestamp(services.clock.unix_s(), UTC)
        assert len(entries) == len(session.scalars(select(Sequence)).all())
        assert len(placed) >= 15
        for entry in entries:
            assert entry.reason
            assert entry.sequence.status is (PLANNED if entry.start else OBSERVABLE)
        for a, b in pairwise(placed):
            assert a.end is not None
            assert b.start is not None
            assert a.end <= b.start
        reasons = {e.sequence.name: e.reason for e in entries if e.start is None}
    assert "never above" in reasons["47 Tuc"]
    assert "2022-10-03 09:00 to 2022-10-03 12:00 UTC lies outside" in reasons["M 42"]


def test_length_is_that_of_the_longer_channel(services: Services) -> None:
    with services.store.session() as session:
        for device in session.scalars(select(Device)):
            changes = {
                DeviceKind.CAMERA_VIS: {"readout_time_s": 10.0, "filter_change_time_s": 4.0},
                DeviceKind.CAMERA_NIR: {"readout_time_s": 1.0, "filter_change_time_s": 8.0},
                DeviceKind.TELESCOPE: {"acquisition_time_s": 50.0},
            }.get(device.kind, {})
            device.settings = device.settings | changes
    plans = {
        Channel.VIS: [("g", 60.0, 2), ("r", 30.0, 1)],  # 2 x 70 + 8 + 40 = 188 s
        Channel.NIR: [("J", 20.0, 10)],  # 10 x 21 = 210 s
    }
    sequence = services.add("both", plans=plans)
    services.schedule()
    assert services.length_s(sequence) == pytest.approx(260.0, abs=1e-5)
    with services.store.session() as session:
        plan = session.scalars(select(Plan).where(Plan.filter == "J")).one()
        for k in range(4):
            session.add(
                Image(
                    path=f"{k}.fits",
                    kind="light",
                    camera="nir",
                    filter="J",
                    exposure_time_s=20.0,
                    start=datetime(2022, 9, 29, tzinfo=UTC),
                    complete=k != 3,  # the cut one has to be taken again
                    plan_id=plan.id,
                )
            )
    services.schedule()
    assert services.length_s(sequence) == pytest.approx(238.0, abs=1e-5)


def test_the_way_to_the_target_is_part_of_an_entry(services: Services) -> None:
    first, second = services.add("a", priority_offset=5.0), services.add("b", dec_deg=10.0)
    services.schedule()
    earlier, later = sorted((first, second), key=lambda key: services.entry(key).start or datetime.max)
    # 20° apart: the dome's 10 °/s is slower than the telescope's 15; 5 s to settle.
    assert services.length_s(later) - services.length_s(earlier) == pytest.approx(7.0, abs=0.1)
    assert services.entry(earlier).end == services.entry(later).start


def test_a_new_schedule_supersedes_the_old_one_and_moves_sequences_back(services: Services) -> None:
    stays, goes = services.add("stays"), services.add("goes")
    old = services.schedule()
    assert services.status(goes) == (PLANNED, "")
    with services.store.session() as session:
        session.get_one(Sequence, goes).window_end = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    new = services.schedule()
    with services.store.session(read_only=True) as session:
        statuses = {s.id: s.status for s in session.scalars(select(Schedule))}
    assert statuses == {old: ScheduleStatus.SUPERSEDED, new: ScheduleStatus.CURRENT}
    assert services.status(stays)[0] is PLANNED
    status, reason = services.status(goes)
    assert status is OBSERVABLE
    assert "lies outside the plan" in reason
    assert services.entry(goes).start is None


def test_planning_again_changes_nothing(services: Services) -> None:
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k, priority_offset=k % 3) for k in range(8)]
    services.schedule()
    before = [(services.entry(i).start, services.entry(i).end, services.entry(i).reason) for i in ids]
    services.schedule()
    assert [(services.entry(i).start, services.entry(i).end, services.entry(i).reason) for i in ids] == before


def test_what_executes_stays(services: Services) -> None:
    running, other = services.add("running"), services.add("other", priority_offset=50.0)
    services.schedule()
    began = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    with services.store.session() as session:
        sequence = session.get_one(Sequence, running)
        sequence.become(EXECUTING)
        sequence.started = began
    services.clock.advance(60.0)
    services.schedule()
    assert services.status(running)[0] is EXECUTING
    entry = services.entry(running)
    assert (entry.start, entry.reason[:15]) == (began, "already running")
    assert entry.end is not None
    other_start = services.entry(other).start
    assert other_start is not None
    assert other_start >= entry.end
    # It overruns: the plan then counts on what its missing images take from now on.
    services.clock.advance(3600.0)
    services.schedule()
    end = services.entry(running).end
    assert end is not None
    left_s = (end - datetime.fromtimestamp(services.clock.unix_s(), UTC)).total_seconds()
    assert 300.0 < left_s <= 3 * 106.0 + 40.0


def test_only_what_is_asked_for_is_planned(services: Services) -> None:
    draft = services.add("draft", request_status=RequestStatus.DRAFT)
    cancelled = services.add("cancelled", status=SequenceStatus.CANCELLED)
    empty = services.add("empty", plans={})
    backwards = services.add(
        "backwards",
        window_start=datetime(2022, 9, 30, 6, tzinfo=UTC),
        window_end=datetime(2022, 9, 30, 5, tzinfo=UTC),
    )
    schedule_id = services.schedule()
    with services.store.session(read_only=True) as session:
        entries = {e.sequence_id: e.reason for e in session.get_one(Schedule, schedule_id).entries}
    assert set(entries) == {empty, backwards}
    assert entries[empty] == "no image is missing: there is nothing to observe"
    assert "its window ends before it begins" in entries[backwards]
    assert services.status(draft)[0] is OBSERVABLE
    assert services.status(cancelled)[0] is SequenceStatus.CANCELLED


def test_not_below_the_sites_own_limit(services: Services) -> None:
    low = services.add("low", dec_deg=-45.0, min_altitude_deg=5.0)  # culminates at 14°
    services.schedule()
    assert "never above 20.0°" in services.status(low)[1]


def test_after_sunrise_everything_waits_for_another_night(services: Services) -> None:
    sequence = services.add("late")
    services.schedule(services.sky.night.sunrise_unix_s + 1.0)
    assert services.status(sequence) == (OBSERVABLE, f"the night {NIGHT} is over")


def test_another_night_than_the_observed_one(services: Services) -> None:
    services.sky = Sky(services.sky.location, "2022-10-20")
    sequence = services.add("early")
    services.schedule()
    assert services.status(sequence)[0] is PLANNED


def test_all_or_nothing_is_written(services: Services) -> None:
    sequence = services.add("kept")
    schedule_id = services.schedule()
    with pytest.raises(NoResultFound):
        schedule_night(services.night_id + 99, services.clock.unix_s(), "a test", services=services)
    with services.store.session(read_only=True) as session:
        assert session.scalars(select(Schedule.id)).all() == [schedule_id]
    assert services.status(sequence)[0] is PLANNED


class Majordome(Agent):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__(Agent.MAJORDOME)
        self.told: list[Message] = []
        self.heard = threading.Event()
        self.actions_by_message["Schedule ready"] = self.hear

    def hear(self, message: Message) -> None:
        self.told.append(message)
        self.heard.set()


def _stop(*agents: Agent) -> None:
    assert [agent.stop() for agent in agents] == [True] * len(agents)


def _current(services: Services) -> Schedule | None:
    with services.store.session(read_only=True) as session:
        return session.scalar(select(Schedule).where(Schedule.status == ScheduleStatus.CURRENT))


def test_the_scheduler_plans_and_tells_the_majordome(services: Services, config: AgentConfig) -> None:
    sequence = services.add("asked")
    majordome, scheduler = Majordome(), Scheduler(services)
    majordome.start()
    scheduler.start()
    try:
        start = services.clock.unix_s() + 600.0
        Sender.send_to(Agent.SCHEDULER, "Schedule", {"reason": "observing begins", "start_unix_s": start})
        assert majordome.heard.wait(10)
    finally:
        _stop(scheduler, majordome)
    current = _current(services)
    assert current is not None
    assert majordome.told[0].payload == {"schedule_id": current.id}
    assert majordome.told[0].sender == Agent.SCHEDULER
    assert current.plan_start.timestamp() == pytest.approx(start, abs=1e-3)
    assert services.status(sequence)[0] is PLANNED


def test_the_scheduler_goes_on_without_a_majordome_and_after_nonsense(
    services: Services, config: AgentConfig, until: Callable[..., None]
) -> None:
    scheduler = Scheduler(services)
    scheduler.start()
    try:
        Sender.send_to(Agent.SCHEDULER, "Schedule", {"night_id": "tonight"})
        until(lambda: scheduler.status()["errors"] == 1)
        assert _current(services) is None
        Sender.send_to(Agent.SCHEDULER, "Schedule")
        until(lambda: _current(services) is not None)
        assert scheduler.status()["errors"] == 1
    finally:
        _stop(scheduler)


def test_a_schedule_that_was_asked_for_is_made_once_the_store_is_back(
    services: Services, config: AgentConfig, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence, session, tries = services.add("asked"), services.store.session, list[int]()

    @contextmanager
    def at_first_away(*, read_only: bool = False) -> Generator[Session]:
        tries.append(len(tries))
        if len(tries) < 3:
            raise OperationalError("SELECT", {}, OSError("server closed the connection"))
        with session(read_only=read_only) as there:
            yield there

    monkeypatch.setattr(services.store, "session", at_first_away)
    majordome, scheduler = Majordome(), Scheduler(services)
    majordome.start()
    scheduler.start()
    try:
        Sender.send_to(Agent.SCHEDULER, "Schedule")
        assert majordome.heard.wait(10)
        assert scheduler.status()["errors"] == 0
    finally:
        _stop(scheduler, majordome)
    assert services.status(sequence)[0] is PLANNED


def test_a_request_of_all_or_nothing_is_left_out_when_one_of_it_has_no_place(services: Services) -> None:
    seen, never = services.add("seen"), services.add("never", dec_deg=-80.0)
    with services.store.session() as session:
        request = session.get_one(Sequence, seen).request
        request.all_or_nothing = True
        session.get_one(Sequence, never).request = request
    services.schedule()
    status, reason = services.status(seen)
    assert status is OBSERVABLE
    assert "all or nothing" in reason
    assert "never" in reason
    with services.store.session() as session:
        session.get_one(Sequence, seen).request.all_or_nothing = False
    services.schedule()
    assert services.status(seen)[0] is PLANNED


def test_mandatory_sequences_come_first(services: Services) -> None:
    with services.store.session(read_only=True) as session:
        night = session.get_one(Night, services.night_id)
        window = {"window_start": night.dusk, "window_end": night.dusk + timedelta(seconds=500)}
    other = services.add("other", priority_offset=40.0, **window)
    must = services.add("must", mandatory=True, **window)
    services.schedule()
    assert services.status(must)[0] is PLANNED
    assert services.status(other)[0] is OBSERVABLE
