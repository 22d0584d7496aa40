"""The schedule in hand: what it shows, why, and what people change of it; the Scheduler does the planning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import astropy.units as u
import pytest
from sqlalchemy import select

from pyros_kernel.agents import AgentConfig
from pyros_kernel.agents.scheduler import Scheduler
from pyros_kernel.desks import ScheduleDesk, Unknown
from pyros_kernel.scheduling.quotas import Semester, read_quotas
from pyros_kernel.scheduling.requests import BadRequests
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Request, RequestKind, Schedule, ScheduleStatus, ScientificProgramme, Sequence, load
from pyros_kernel.store import SequenceStatus as S
from pyros_kernel.tasks.intervening import NotPossible
from pyros_kernel.tasks.scheduling import improve_schedule, reschedule_night
from tests.pyros_kernel.scheduling.night_services import NightServices


@pytest.fixture
def desk(services: NightServices, config: AgentConfig) -> Iterator[ScheduleDesk]:
    scheduler = Scheduler(services)
    scheduler.start()
    yield ScheduleDesk(services, config, lambda what: None)  # pyright: ignore[reportArgumentType]
    assert scheduler.stop()


def _start_s(services: NightServices, sequence: int) -> float | None:
    start = services.entry(sequence).start
    return None if start is None else start.timestamp()


def _current(services: NightServices) -> Schedule:
    with services.store.session(read_only=True) as session:
        return session.scalars(select(Schedule).where(Schedule.status == ScheduleStatus.CURRENT)).one()


def _begin(services: NightServices, sequence: int) -> datetime:
    began = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    with services.store.session() as session:
        row = session.get_one(Sequence, sequence)
        row.become(S.EXECUTING)
        row.started, row.ended = began, None
    return began


def test_the_night_is_planned_for_value_with_its_bound_and_by_strict_priority_on_demand(
    services: NightServices,
) -> None:
    load(services.store, ROOT / "fixtures" / "night_2022-09-29.json")
    services.schedule(services.sky.night.sunset_unix_s)
    by_value = _current(services)
    assert by_value.value and by_value.bound and 0 <= (by_value.gap or 0.0) < 0.02
    services.settings = replace(services.settings, strict_priority=True)
    services.schedule(services.sky.night.sunset_unix_s)
    strict = _current(services)
    assert strict.bound is None and strict.gap is None
    assert strict.value and strict.value < by_value.value


def test_a_pin_holds_and_outlives_the_schedule(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object]
) -> None:
    first, second = services.add("first"), services.add("second", dec_deg=35.0)
    services.schedule()
    at = services.clock.unix_s() + 2 * 3600.0
    desk.pin("first", at)
    until(lambda: _current(services).reason.startswith("by hand: first is pinned"))
    entry = services.entry(first)
    assert entry.end is not None
    length_s = 3 * 106.0 + 40.0
    assert entry.end.timestamp() == pytest.approx(at + length_s, abs=0.1)
    assert services.entry(second).start is not None
    services.schedule()  # anew, as after a restart: the store remembers
    assert services.entry(first).end == entry.end
    with pytest.raises(NotPossible, match=r"first can't be observed from .* it can from"):
        desk.pin("first", services.sky.night.dawn_unix_s - 60.0)
    with pytest.raises(NotPossible, match="has passed"):
        desk.pin(first, at - 86400.0)
    desk.release("first")
    until(lambda: "neither pinned" in _current(services).reason)
    with pytest.raises(NotPossible, match="neither pinned nor dropped"):
        desk.release("first")


def test_what_is_dropped_is_not_planned_until_it_is_released(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object]
) -> None:
    one, other = services.add("one"), services.add("other", dec_deg=35.0)
    services.schedule()
    desk.drop("one", "its finding chart is wrong")
    until(lambda: services.entry(one).start is None)
    assert services.status(one) == (S.OBSERVABLE, "dropped by hand: its finding chart is wrong")
    assert "1 out (one)" in (_current(services).changes or "")
    assert services.entry(other).start is not None
    services.schedule()
    assert services.entry(one).start is None
    found = desk.explain("one")
    assert not found.placed and "its finding chart is wrong" in found.reason
    desk.release(one)
    until(lambda: services.entry(one).start is not None)
    _begin(services, other)
    with pytest.raises(NotPossible, match="other does not wait to be observed: it is executing"):
        desk.drop(other)


def test_a_higher_priority_takes_the_place(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object]
) -> None:
    now = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    window = {"window_start": now, "window_end": now + timedelta(seconds=500)}
    rich, poor = services.add("rich", priority_offset=5.0, **window), services.add("poor", **window)
    services.schedule()
    assert (services.status(rich)[0], services.status(poor)[0]) == (S.PLANNED, S.OBSERVABLE)
    found = desk.explain("poor")
    assert found.rivals == ("rich",) and "competes with rich" in found.reason and found.change
    assert desk.explain("rich").placed
    desk.reprioritise("poor", 90.0)
    until(lambda: services.status(poor)[0] is S.PLANNED)
    assert services.status(rich)[0] is S.OBSERVABLE
    with pytest.raises(NotPossible, match="a priority is from 0"):
        desk.reprioritise("poor", -1.0)


def test_nothing_is_planned_in_a_blocked_time(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object]
) -> None:
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k) for k in range(6)]
    services.schedule()
    clouds = services.clock.unix_s() + 300.0, services.clock.unix_s() + 2700.0
    number = desk.block(*clouds, "clouds are forecast")

    def free() -> bool:
        entries = [services.entry(i) for i in ids]
        spans = [(e.start.timestamp(), e.end.timestamp()) for e in entries if e.start and e.end]
        return all(b <= clouds[0] + 1 or a >= clouds[1] - 60 for a, b in spans)

    until(lambda: "clouds are forecast" in _current(services).reason and free())
    services.schedule()
    assert free()
    desk.unblock(number)
    until(lambda: "taken back" in _current(services).reason)
    with pytest.raises(NotPossible, match="no blocked time"):
        desk.unblock(number)
    with pytest.raises(NotPossible, match="outside the night"):
        desk.block("2022-11-01T00:00", "2022-11-01T01:00")


def test_a_repair_keeps_what_runs_and_moves_nothing_without_need(services: NightServices) -> None:
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k, priority_offset=k % 3) for k in range(8)]
    services.schedule()
    order = sorted(ids, key=lambda i: _start_s(services, i) or 0.0)
    services.clock.advance((_start_s(services, order[0]) or 0.0) - services.clock.unix_s())
    began = _begin(services, order[0])
    services.clock.advance(100.0)
    before = {i: (services.entry(i).start, services.entry(i).end) for i in order[1:]}
    made = reschedule_night(services.night_id, services.clock.unix_s(), "a look", services=services)
    assert services.entry(order[0]).start == began
    assert services.status(order[0])[0] is S.EXECUTING
    for i in order[1:]:
        start, end = services.entry(i).start, services.entry(i).end
        assert start and end and before[i][0] and before[i][1]
        assert abs((end - before[i][1]).total_seconds()) < 1.0
    assert not _current(services).changes
    assert improve_schedule(made, services.clock.unix_s(), services=services) == made
    assert _current(services).gap is not None


def test_what_began_late_or_after_the_asking_is_planned_around(services: NightServices) -> None:
    late, other = services.add("late"), services.add("other", dec_deg=35.0)
    services.schedule()
    asked_s = services.clock.unix_s()
    services.clock.advance(3600.0)  # long after its planned end
    began = _begin(services, late)
    for start_s in (asked_s, services.clock.unix_s()):
        reschedule_night(services.night_id, start_s, "it waited for its turn", services=services)
        entry = services.entry(late)
        assert entry.start is not None and entry.end is not None and entry.start <= began < entry.end
        start = services.entry(other).start
        assert start is None or start >= entry.end or services.entry(other).end <= began


def test_an_alert_goes_as_soon_as_it_can_be_observed(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object]
) -> None:
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k) for k in range(10)]
    services.schedule()
    burst = services.add("GRB", ra_deg=330.0, dec_deg=20.0)
    with services.store.session() as session:
        session.get_one(Sequence, burst).request.kind = RequestKind.ALERT
    desk._plan("alert 1: it was not up", alert=burst)
    until(lambda: services.status(burst)[0] is S.PLANNED)
    start = _start_s(services, burst)
    assert start is not None and start - services.clock.unix_s() < 900.0
    assert sum(services.status(i)[0] is S.PLANNED for i in ids) >= 9
    assert "1 new (GRB)" in (_current(services).changes or "")


@pytest.mark.parametrize("ra_deg", [300.0, 330.0, 360.0])
def test_an_alert_that_came_while_nothing_was_observed_goes_first_all_the_same(
    services: NightServices, ra_deg: float
) -> None:
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k) for k in range(10)]
    bursts = [services.add(name, ra_deg=ra_deg, dec_deg=dec_deg) for name, dec_deg in (("GRB", 20.0), ("other", 25.0))]
    with services.store.session() as session:
        for burst in bursts:
            session.get_one(Sequence, burst).request.kind = RequestKind.ALERT
    services.schedule()

    def both_go_first() -> bool:
        starts = [_start_s(services, burst) for burst in bursts]
        return all(start is not None and start - services.clock.unix_s() < 900.0 for start in starts)

    assert both_go_first(), "planned anew"
    assert _current(services).gap is not None
    assert sum(services.status(i)[0] is S.PLANNED for i in ids) >= 9
    services.clock.advance(2400.0)  # it rained, and their places have passed
    reschedule_night(services.night_id, services.clock.unix_s(), "observing goes on", services=services)
    assert both_go_first(), "repaired"


def test_a_quota_is_of_the_semester_and_what_was_observed_counts(services: NightServices, desk: ScheduleDesk) -> None:
    assert Semester.of("2022-09-29").name == "2022B" and Semester.of("2023-01-31").name == "2022B"
    assert Semester.of("2023-02-01").name == "2023A"
    wanted, done = services.add("wanted"), services.add("done", dec_deg=35.0)
    with services.store.session() as session:
        programme = session.get_one(Request, session.get_one(Sequence, done).request_id).programme
        name = programme.name
        quota = next(q for q in read_quotas(session, services.site, services.night_name) if q.programme == name)
        assert quota.limit_s is not None and quota.used_s == 0.0
        dark_s = quota.limit_s / (programme.quota_percent / 100.0)
        assert 1600 * 3600 < dark_s < 1900 * 3600  # 184 nights of 9 to 10 h
        programme.quota_percent = 100.0 * 3600.0 / dark_s  # one hour
        row = session.get_one(Sequence, done)
        row.become(S.PLANNED)
        row.become(S.EXECUTING)
        row.become(S.EXECUTED)
        row.started = datetime(2022, 8, 20, 4, tzinfo=UTC)
        row.ended = row.started + timedelta(seconds=3400)
    services.schedule()
    status, reason = services.status(wanted)
    assert status is S.OBSERVABLE and reason.startswith(f"quota of {name}: 0 s of 200 s are planned")
    assert "shorter it would fit" in desk.explain("wanted").change
    table = desk.quotas()
    (row,) = [r for r in table if r["programme"] == name]
    assert row["used"].to_value(u.h) == pytest.approx(3400 / 3600)
    assert row["left"].to_value(u.h) == pytest.approx(200 / 3600, rel=1e-3)
    with services.store.session() as session:
        session.scalars(select(ScientificProgramme).where(ScientificProgramme.name == name)).one().quota_percent = 0.0
    services.schedule()
    assert services.status(wanted)[0] is S.PLANNED


def test_it_shows_the_night(services: NightServices, desk: ScheduleDesk, tmp_path: Path) -> None:
    assert "none yet" in repr(desk)
    ids = [services.add(f"s{k}", ra_deg=300.0 + 10 * k) for k in range(4)]
    low = services.add("low", dec_deg=-80.0)
    services.schedule()
    table = desk.table()
    assert [int(i) for i in table["id"]][-1] == low
    assert {str(n) for n in table["name"]} == {"s0", "s1", "s2", "s3", "low"}
    assert table["duration"].unit == u.s and bool(table["placed"][0]) and not bool(table["placed"][-1])
    desk.plot().savefig(tmp_path / "night.png")
    use = desk.night
    assert use.dark_s == pytest.approx(services.sky.night.dawn_unix_s - services.sky.night.dusk_unix_s, abs=1.0)
    assert use.observing_s == pytest.approx(sum(services.length_s(i) for i in ids), abs=60.0)
    assert use.idle and all(stretch.reason for stretch in use.idle)
    (made,) = desk.changes
    assert made.reason == "a test" and made.placed == 4
    assert "4 placed" in repr(desk)
    services.schedule()
    assert [made.reason for made in desk.changes] == ["a test", "a test"]  # told though another one came
    with pytest.raises(Unknown, match="no sequence 'nothing'"):
        desk.explain("nothing")


def test_asking_a_forecast_and_the_nights_to_come(
    services: NightServices, desk: ScheduleDesk, until: Callable[..., object], tmp_path: Path
) -> None:
    services.schedule()
    plain = {"programme": "Clusters and standards", "dec": 30.0, "filter": "r", "exposure_s": 100.0}
    (sharp,) = desk.ask(name="sharp", ra=310.0, seeing="good", hour_angle_h=[-4, 4], **plain)
    daily = desk.ask(name="daily", ra=320.0, repeats=3, min_gap_s=80000.0, max_gap_s=95000.0, **plain)
    until(lambda: {services.status(key)[0] for key in (sharp, daily[0])} == {S.PLANNED})
    spare = desk.explain("sharp").reason
    assert all(word in spare for word in ("to spare: altitude ", "Sun ", "hour angle -4 h to +4 h "))
    with pytest.raises(BadRequests, match="no such column: colour"):
        desk.ask(name="x", ra=1.0, colour="red", **plain)
    (tmp_path / "list.csv").write_text("name,ra,dec,programme,filter,exposure_s\nA,320,30,Nobody,r,60\n")
    assert [r.line for r in desk.ask_list(tmp_path / "list.csv").refused] == [2]
    with pytest.raises(BadRequests, match=r"list\.txt"):
        desk.ask_list(tmp_path / "list.txt")
    # What follows by a day is planned for the nights to come, one after the other.
    table = desk.ahead(3)
    rows = {row["id"]: row for row in table}
    assert [str(rows[key]["night"]) for key in daily[1:]] == ["2022-09-30", "2022-10-01"]
    assert sharp not in rows  # it is done tonight
    gaps = [rows[daily[2]]["start"].unix - rows[daily[1]]["start"].unix]
    assert all(80000.0 - 1 <= gap <= 95000.0 + 1 for gap in gaps)
    # The focus is found again and again, whatever else is asked for.
    focus = desk.ask_focus(2.0, programme="Clusters and standards", filter="r")
    until(lambda: {services.status(key)[0] for key in focus.sequences} == {S.PLANNED})
    begins = sorted(_start_s(services, key) or 0.0 for key in focus.sequences)
    assert len(begins) >= 4 and all(3600.0 <= b - a <= 3 * 3600.0 for a, b in pairwise(begins))
    with services.store.session(read_only=True) as session:
        assert {session.get_one(Sequence, key).recipe for key in focus.sequences} == {"autofocus"}
    balance = {row["programme"]: row for row in desk.programmes()}
    own = balance["Clusters and standards"]
    assert own["time"] > 0.2 * u.hour and 0 < own["share"] <= 100 * u.percent
    assert all(row["time"] == 0 * u.hour for name, row in balance.items() if name != "Clusters and standards")
    # A forecast comes, and what needs a good sky goes; then it is explained.
    desk.forecast([("03:00", 3.0, 0.9), ("12:30", 3.0, 0.9)], "a model")
    until(lambda: "forecast of 2 moments from a model" in _current(services).reason)
    assert services.status(sharp)[0] is S.OBSERVABLE
    found = desk.explain("sharp")
    assert "never seeing below 1.2 arcsec" in found.reason
    assert found.change == "without seeing below 1.2 arcsec it would fit"
    desk.forecast([])
    until(lambda: services.status(sharp)[0] is S.PLANNED)
