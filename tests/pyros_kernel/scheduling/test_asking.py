"""What users ask a running observatory for, from the words of a request list to the night's schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import get_body
from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.agents.agenda import Agenda
from pyros_kernel.scheduling import Sky
from pyros_kernel.scheduling.constraints import CONSTRAINTS, TransparencyAbove, read_constraints
from pyros_kernel.scheduling.forecast import BadForecast, Expected, keep_forecast, read_forecast
from pyros_kernel.scheduling.request_files import rows_of
from pyros_kernel.scheduling.requests import read_requests
from pyros_kernel.scheduling.situation import Situation, read_situation
from pyros_kernel.scheduling.target_view import TargetView
from pyros_kernel.scheduling.tonight import Happened, planned
from pyros_kernel.scheduling.wishes import place_at
from pyros_kernel.store import (
    Device,
    DeviceKind,
    PlacedSequence,
    Request,
    RequestKind,
    RequestStatus,
    ScientificProgramme,
    Sequence,
    SequenceStatus,
    Site,
)
from pyros_kernel.tasks.asking import Submitted, ask_rows
from pyros_kernel.tasks.ending import expire
from pyros_kernel.tasks.scheduling import improve_schedule, reschedule_night
from tests.pyros_kernel.scheduling.night_services import NightServices

PLAIN = {"ra": 310.0, "dec": 30.0, "filter": "r", "exposure_s": 100.0, "exposures": 3}


def _asked(services: NightServices, *rows: dict[str, Any]) -> Submitted:
    with services.store.session() as session:
        own = session.get_one(ScientificProgramme, 3).name
        full = [(n, PLAIN | {"programme": own} | row) for n, row in enumerate(rows, 1)]
        return ask_rows(session, full, services.sky, services.clock.unix_s())


def _situation(services: NightServices) -> Situation:
    with services.store.session(read_only=True) as session:
        return read_situation(session, services.night_id, services.clock.unix_s(), services.sky)


def _start_s(entry: PlacedSequence) -> float:
    """Give when observing begins, after the way."""
    assert entry.start is not None
    return entry.start.timestamp()


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("hour_angle_h", "-3 3", "hour angle -3 h to +3 h"),
        ("hour_angle_h", [-3, 3], "hour angle -3 h to +3 h"),
        ("meridian_min", 10, "10 min from the meridian"),
        ("airmass_curve", "1:1 1.5:0.8 2:0.2", "airmass below 2"),
        ("airmass_curve", [[1, 1], [2, 0.2]], "airmass below 2"),
        ("horizon_mask", "0:25 90:40 180:20", "above the horizon's mask"),
        ("moon_avoidance", "60 7", "Moon avoidance 60° at full Moon"),
        ("moon_up_separation", "30 0.5", "Moon 30° away while up"),
        ("seeing", 1.2, "seeing below 1.2 arcsec"),
        ("seeing", "good", "seeing below 1.2 arcsec"),
        ("transparency", "photometric", "transparency above 0.98"),
        ("local_time", "22:00 02:30 America/Tijuana", "22:00 to 02:30 America/Tijuana"),
        ("phase", "7200 2022-09-30T03:00:00Z 0.9 0.1", "phase 0.9 to 0.1"),
    ],
)
def test_each_constraint_has_its_words(name: str, value: Any, label: str) -> None:
    (constraint,) = read_constraints({name: value})
    assert constraint.label == label


@pytest.mark.parametrize("name", list(CONSTRAINTS))
@pytest.mark.parametrize("value", ["", "so so", "1 2 3 4 5 6", [[2, 1], [1, 2]], float("nan"), None, {}])
def test_what_is_not_understood_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .* is not understood: .*; write "):
        read_constraints({name: value})


def test_a_list_asks_the_observatory(services: NightServices, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "name,programme,ra,dec,filter,exposure_s,exposures,repeats,min_gap_s,transparency,nights,mandatory\n"
        "V1,Clusters and standards,20:40:00,+30:00:00,r,60,2,3,1800,clear,5,yes\n"
        "V2,Clusters and standards,20:40:00,+30:00:00,Q,60,2,,,,,\n"
        "V3,No such programme,20:40:00,+30:00:00,r,60,2,,,,,\n"
        "V4,Clusters and standards,20:40:00,+30:00:00,r,,2,,,,,\n"
        "V5,Clusters and standards,20:40:00,+30:00:00,r,60,2,,,murky,,\n"
        "V6,Clusters and standards,20:40:00,+95:00:00,r,60,2,,,,,\n"
        "V7,Clusters and standards,400,+30:00:00,r,60,2,,,,,\n"
    )
    with services.store.session() as session:
        asked = ask_rows(session, rows_of(tmp_path / "list.csv"), services.sky, services.clock.unix_s())
    assert len(asked.sequences) == 3
    words = [
        "filter: there is no Q",
        "programme: there is no",
        "exposure_s is missing",
        "transparency: 'murky'",
        "dec: '+95:00:00' lies outside -90° to 90°",
        "ra: '400' lies outside 0° to 360°",
    ]
    assert [r.line for r in asked.refused] == [3, 4, 5, 6, 7, 8]
    for refused, word in zip(asked.refused, words, strict=True):
        assert word in refused.reason
    with services.store.session(read_only=True) as session:
        made = [session.get_one(Sequence, key) for key in asked.sequences]
        assert {s.request_id for s in made} == {made[0].request_id}
        assert [s.name for s in made] == ["V1 1/3", "V1 2/3", "V1 3/3"]
        assert [s.after_id for s in made] == [None, made[0].id, made[1].id]
        assert all(s.nights == 5 and s.mandatory and s.constraints == {"transparency": "clear"} for s in made)
    services.schedule()
    starts = [_start_s(services.entry(key)) for key in asked.sequences]
    assert all(b - a >= 1790.0 for a, b in pairwise(starts))


def test_the_same_list_for_the_planner_alone(tmp_path: Path, spm: Sky) -> None:
    (tmp_path / "l.csv").write_text(
        "id,ra,dec,duration_s,repeats,min_gap_s,max_gap_s,longest_part_s,hour_angle_h,transparency,first_night,after\n"
        "A,60,30,300,3,1800,2400,,-4 4,clear,,\n"
        "B,60,30,3000,,,,1200,,,,\n"
        "C,60,30,300,,,,,,,2026-11-25,\n"
        "D,60,30,300,,600,,,,,,A\n"
        "E,60,30,300,,,,,,,,C\n"
        "F,60,30,300,1.5,,,,,,,\n"
    )
    read = read_requests(tmp_path / "l.csv", spm)
    assert [b.id for b in read.blocks] == ["A", "A/2", "A/3", "B/1", "B/2", "B/3", "D"]
    assert [b.after for b in read.blocks] == [None, "A", "A/2", None, None, None, "A"]
    assert [r.line for r in read.refused] == [4, 6, 7]
    assert "asked for from the night 2026-11-25 on" in read.refused[0].reason
    assert "there is no C" in read.refused[1].reason
    assert TransparencyAbove(0.9) in read.blocks[0].constraints


def test_what_is_too_long_is_asked_for_in_parts(services: NightServices) -> None:
    asked = _asked(services, {"name": "deep", "exposures": 30, "filter": "g+r", "longest_part_s": 2000.0})
    with services.store.session(read_only=True) as session:
        plans = [
            [(p.filter, p.number_of_images) for p in session.get_one(Sequence, key).albums[0].plans]
            for key in asked.sequences
        ]
    assert len(plans) > 2
    for name in ("g", "r"):
        assert sum(n for part in plans for f, n in part if f == name) == 30
    services.schedule()
    assert all(services.length_s(key) <= 2000.0 + 60.0 for key in asked.sequences)
    (refused,) = _asked(services, {"longest_part_s": 50.0}).refused
    assert "longest_part_s: one image takes" in refused.reason


def test_tonight_only_is_over_tomorrow(services: NightServices) -> None:
    low = {"dec": -80.0}  # never rises there
    tonight, later, week = _asked(
        services,
        {"name": "tonight", "nights": 1, "group": "g"} | low,
        {"name": "later", "first_night": "2022-10-02", "nights": 2},
        {"name": "week", "nights": 7} | low,
    ).sequences
    services.schedule()
    assert services.status(later) == (SequenceStatus.OBSERVABLE, "asked for from the night 2022-10-02 on")
    with services.store.session() as session:
        assert session.get_one(Sequence, tonight).first_night == services.night_name
        expire(session, services.night_name, services.clock.unix_s())
    status, reason = services.status(tonight)
    assert status is SequenceStatus.CANCELLED
    assert reason.startswith(f"asked for until the night {services.night_name} only; never above")
    assert services.status(week)[0] is SequenceStatus.OBSERVABLE
    with services.store.session(read_only=True) as session:
        assert session.get_one(Sequence, tonight).request.status is RequestStatus.FAILED
        assert session.get_one(Sequence, week).request.status is RequestStatus.SUBMITTED


def _observed(
    services: NightServices, key: int, began: datetime, status: SequenceStatus = SequenceStatus.EXECUTED
) -> None:
    with services.store.session() as session:
        sequence = session.get_one(Sequence, key)
        for step in (SequenceStatus.PLANNED, SequenceStatus.EXECUTING, status):
            if sequence.status is not step:
                sequence.become(step)
        sequence.started, sequence.ended = began, began + timedelta(minutes=5)


def test_a_series_goes_on_from_what_was_observed(services: NightServices) -> None:
    first, second, third, fourth = _asked(services, {"repeats": 4, "min_gap_s": 3600.0, "max_gap_s": 5400.0}).sequences
    dusk = datetime.fromtimestamp(services.clock.unix_s(), UTC)
    services.schedule()
    assert services.entry(first).start is not None
    _observed(services, first, dusk - timedelta(minutes=30))
    services.schedule()
    assert dusk + timedelta(minutes=29) <= services.entry(second).start <= dusk + timedelta(minutes=61)  # type: ignore[operator]
    # A point that failed is passed over: the next counts from the one before, with twice the greatest gap.
    _observed(services, second, dusk, SequenceStatus.FAILED)
    services.schedule()
    assert dusk + timedelta(minutes=29) <= services.entry(third).start <= dusk + timedelta(minutes=151)  # type: ignore[operator]
    # What is not observed in time never will be.
    services.clock.advance(4 * 3600.0)
    services.schedule(services.clock.unix_s())
    assert "had to begin by" in services.status(third)[1]
    assert services.status(fourth)[1] == "follows row 1 3/4, which is not planned in this night"


def test_the_next_of_a_series_waits_where_the_former_began_late(services: NightServices) -> None:
    first, second = _asked(services, {"repeats": 2, "min_gap_s": 3600.0, "max_gap_s": 7200.0}).sequences
    alone = services.add("alone", ra_deg=330.0)
    services.schedule()
    agenda = Agenda(services, None)  # type: ignore[arg-type]
    agenda.load()
    planned: dict[int, float] = {}
    while (entry := agenda.next()) is not None:
        # Nothing has begun yet: each may begin at its place.
        assert agenda.earliest_s(entry) == entry.start_s
        planned[entry.sequence_id] = entry.start_s
        agenda.leave_out(entry.sequence_id)
    assert planned.keys() == {first, second, alone}
    # An hour late, and the schedule still says otherwise.
    began = datetime.fromtimestamp(planned[first] + 3600.0, UTC)
    _observed(services, first, began)
    agenda.load()
    earliest: dict[int, float] = {}
    while (entry := agenda.next()) is not None:
        earliest[entry.sequence_id] = agenda.earliest_s(entry)
        agenda.leave_out(entry.sequence_id)
    assert earliest == {second: pytest.approx(began.timestamp() + 3600.0), alone: planned[alone]}
    assert earliest[second] > planned[second] + 1800.0


def test_days_lie_between(services: NightServices) -> None:
    first, second = _asked(services, {"repeats": 2, "min_gap_s": 80000.0, "max_gap_s": 90000.0}).sequences
    services.schedule()
    assert services.entry(first).start is not None
    assert "can't be observed" in services.status(second)[1]
    _observed(services, first, datetime.fromtimestamp(services.clock.unix_s(), UTC))
    services.schedule()
    assert services.status(second)[1].startswith("follows row 1 1/2: not before 2022-10-01")


def test_a_repair_keeps_a_series(services: NightServices) -> None:
    plain = [services.add(f"p{k}", ra_deg=300.0 + 4 * k) for k in range(12)]
    services.schedule()
    series = _asked(services, {"repeats": 4, "min_gap_s": 2400.0, "max_gap_s": 3600.0}).sequences
    schedule_id = reschedule_night(services.night_id, services.clock.unix_s(), "asked", services=services)
    starts = {k: _start_s(services.entry(k)) for k in series if services.entry(k).start is not None}
    assert len(starts) >= 3
    improve_schedule(schedule_id, services.clock.unix_s(), services=services, stability=0.0)
    for before, after in pairwise(series):
        if services.entry(after).start is not None:
            # An entry begins with the way, which is some seconds.
            assert 2400.0 - 30 <= _start_s(services.entry(after)) - _start_s(services.entry(before)) <= 3600.0 + 30
    assert sum(services.entry(k).start is not None for k in plain) >= 8
    # Where one has no place any more, what follows it has none either, and nothing breaks.
    with services.store.session() as session:
        session.get_one(Sequence, series[0]).dec_deg = -80.0
    reschedule_night(services.night_id, services.clock.unix_s(), "gone", services=services, happened=Happened())
    assert all(services.entry(k).start is None for k in series)


def test_the_night_obeys_each_constraint(services: NightServices) -> None:
    midnight = datetime.fromtimestamp(services.sky.midnight_unix_s, UTC).isoformat()[:19]
    rows = {
        "hour angle": {"hour_angle_h": "1 2"},
        "meridian": {"meridian_min": 45},
        "airmass": {"airmass_curve": "1:1 1.02:0.5"},
        "mask": {"horizon_mask": "0:10 90:80 180:80 270:10"},
        "moon": {"moon_avoidance": "30 7"},
        "local": {"local_time": "23:30 00:30"},
        "phase": {"phase": f"36000 {midnight} 0.95 0.05"},
        "lit": {"max_moon_illumination": 0.5},
        "liked": {"preferred": midnight},
    }
    asked = _asked(services, *({"name": name} | row for name, row in rows.items()))
    assert asked.refused == ()
    services.schedule()
    names = dict(zip(asked.sequences, rows, strict=True))
    situation = _situation(services)
    blocks = {b.id: b for b in situation.blocks}

    for key, name in names.items():
        entry, block = services.entry(key), blocks[key]
        assert entry.start is not None, (name, entry.reason)
        assert entry.end is not None
        view = TargetView(services.sky, services.sky.directions(block.ra_deg, block.dec_deg)[0], None)
        times = np.linspace(entry.end.timestamp() - block.duration_s, entry.end.timestamp(), 20)
        for constraint in block.constraints:
            assert constraint.margin(view, times).min() >= -1e-3, name
        assert name in ("lit", "liked") or block.constraints
    # The clock on the wall is the site's where the row names no zone.
    local = services.entry(asked.sequences[5])
    assert local.start is not None
    assert 6 <= local.start.hour <= 7  # 23:30 to 00:30 in Tijuana


def test_the_sites_horizon_holds_for_all(services: NightServices) -> None:
    west, other = _asked(services, {"name": "a"}, {"name": "b", "hour_angle_h": "-6 -1"}).sequences
    with services.store.session() as session:
        session.scalars(select(Site)).one().constraints = {"horizon_mask": [[0, 85], [180, 85], [181, 10], [359, 10]]}
    services.schedule()
    assert services.entry(west).start is not None
    assert "never" in services.status(other)[1]
    with services.store.session() as session:
        session.scalars(select(Site)).one().constraints = {"horizon_mask": "hills"}
    services.schedule()
    assert services.status(west)[1].startswith("can't be scheduled: horizon_mask: 'hills' is not understood")


def test_a_german_mount_turns_over_between_sequences(services: NightServices) -> None:
    keys = _asked(
        services,
        {"name": "east", "ra": 350.0, "hour_angle_h": "-4 -0.1", "exposures": 30},
        {"name": "west", "ra": 270.0, "hour_angle_h": "0.1 4", "exposures": 30},
        {"name": "long", "ra": 310.0, "exposures": 70},
    ).sequences
    services.schedule()
    fork = {k: (services.entry(k).start, services.entry(k).end) for k in keys}
    assert all(start is not None for start, _ in fork.values())
    with services.store.session() as session:
        telescope = session.scalars(select(Device).where(Device.kind == DeviceKind.TELESCOPE)).one()
        telescope.settings = telescope.settings | {"mount": "german", "meridian_flip_s": 300.0}
    services.schedule()
    situation = _situation(services)
    assert situation.transition.flip_s == 300.0

    placed = sorted((services.entry(k) for k in keys if services.entry(k).start), key=_start_s)
    assert len(placed) >= 2
    blocks = {b.id: b for b in situation.blocks}
    sides: list[tuple[float, float, float]] = []
    for entry in placed:
        block = blocks[entry.sequence_id]
        view = TargetView(services.sky, services.sky.directions(block.ra_deg, block.dec_deg)[0], None)
        assert entry.end is not None
        end = entry.end.timestamp()
        sign = np.sign(view.hour_angle_h(np.linspace(end - block.duration_s, end, 30)))
        assert (sign == sign[0]).all(), block.name  # nothing is exposed across the meridian
        sides.append((end - block.duration_s, end, float(sign[0])))
    for a, b in pairwise(sides):
        if a[2] != b[2]:
            assert b[0] - a[1] >= 300.0


def test_a_body_and_a_table_move(services: NightServices) -> None:
    middle = services.sky.midnight_unix_s
    times = [datetime.fromtimestamp(middle + 3600.0 * k, UTC).isoformat()[:19] for k in (-3, 0, 3)]
    table = {"frame": "icrs", "rows": [[t, 310.0 + 5 * k, 30.0] for k, t in enumerate(times)]}
    asked = _asked(
        services,
        {"name": "Jupiter", "body": "jupiter", "min_altitude_deg": 30},
        {"name": "comet", "ephemeris": table},
        {"name": "no body", "body": "vulcan"},
    )
    assert [r.line for r in asked.refused] == [3]
    assert "no body 'vulcan'" in asked.refused[0].reason
    services.schedule()
    with services.store.session(read_only=True) as session:
        jupiter, comet = (session.get_one(Sequence, key) for key in asked.sequences)
        assert place_at(comet, services.sky, middle)[0] == pytest.approx(315.0, abs=1e-3)
        assert place_at(comet, services.sky, middle + 1e5)[0] == pytest.approx(320.0, abs=1e-3)
        moved = [place_at(jupiter, services.sky, middle + t) for t in (0.0, 6 * 3600.0)]
    seen = get_body("jupiter", Time(middle, format="unix"), services.sky.location)
    assert moved[0] == (pytest.approx(seen.ra.deg, abs=0.01), pytest.approx(seen.dec.deg, abs=0.01))
    assert moved[0] != moved[1]
    for key in asked.sequences:
        assert services.entry(key).start is not None


def test_a_forecast_moves_what_needs_a_good_sky(services: NightServices, tmp_path: Path) -> None:
    sharp, clear, any_ = _asked(
        services, {"name": "sharp", "seeing": "good"}, {"name": "clear", "transparency": "clear"}, {"name": "any"}
    ).sequences
    services.schedule()
    assert all(services.entry(k).start is not None for k in (sharp, clear, any_))
    now, middle = services.clock.unix_s(), services.sky.midnight_unix_s
    rows = [Expected(now, 2.5, 0.5), Expected(middle - 60, 2.5, 0.5), Expected(middle, 0.6, 1.0)]
    with services.store.session() as session:
        assert keep_forecast(session, services.night_id, rows, "a model") == 3
    schedule_id = reschedule_night(services.night_id, now, "forecast", services=services)
    improve_schedule(schedule_id, now, services=services, stability=0.0)
    for key in (sharp, clear):
        assert _start_s(services.entry(key)) >= middle - 60.0
    with services.store.session() as session:
        keep_forecast(session, services.night_id, [Expected(now, 3.0, 0.2)], "worse")
    services.schedule()
    assert "seeing below 1.2 arcsec: misses it by" in services.status(sharp)[1]
    assert services.entry(any_).start is not None
    (tmp_path / "f.csv").write_text(
        "time,seeing_arcsec,transparency\n2022-09-30T04:00:00,1.0,0.9\n2022-09-30T05:00:00,x,\n"
    )
    with pytest.raises(BadForecast, match=r"f\.csv:3: "):
        read_forecast(tmp_path / "f.csv")
    with services.store.session() as session, pytest.raises(BadForecast, match="same moment"):
        keep_forecast(session, services.night_id, [Expected(now, 1.0), Expected(now, 1.1)], "")


def test_the_grade_of_the_programme_counts(services: NightServices) -> None:
    middle = services.sky.midnight_unix_s
    window = [datetime.fromtimestamp(middle + t, UTC).isoformat()[:19] for t in (0, 480)]
    with services.store.session() as session:
        good, poor = session.scalars(select(ScientificProgramme).order_by(ScientificProgramme.id).limit(2)).all()
        good.tac_grade, poor.tac_grade = "A", "C"
        good.priority = poor.priority = 50.0
        names = good.name, poor.name
    within = {"window_start": window[0], "window_end": window[1]}
    rich, lean = _asked(services, {"programme": names[0]} | within, {"programme": names[1]} | within).sequences
    services.schedule()
    assert services.entry(rich).start is not None
    assert services.entry(lean).start is None


def test_rows_of_a_group_are_one_request(services: NightServices) -> None:
    a, b = _asked(services, {"name": "a", "group": "pair"}, {"name": "b", "group": "pair", "dec": -80.0}).sequences
    services.schedule()
    assert services.entry(a).start is None
    assert "all or nothing" in services.status(a)[1]
    with services.store.session(read_only=True) as session:
        request = session.scalars(select(Request).where(Request.name == "pair")).one()
        assert request.all_or_nothing
        assert [s.id for s in request.sequences] == [a, b]


def test_what_follows_an_alert_waits_for_it(services: NightServices) -> None:
    first, second = _asked(services, {"repeats": 2, "min_gap_s": 1800.0}).sequences
    with services.store.session() as session:
        session.get_one(Sequence, first).request.kind = RequestKind.ALERT
    services.schedule()
    assert services.entry(first).start is not None
    assert services.status(second)[1] == "planned once row 1 1/2 has begun, which it follows"
    assert planned(_situation(services), None).placed
