"""An alert makes, changes or withdraws the one request of its event."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pyros_kernel.alerts import warm_up
from pyros_kernel.settings import ROOT
from pyros_kernel.store import (
    Album,
    Alert,
    AlertStatus,
    Plan,
    Request,
    RequestStatus,
    Sequence,
    SequenceStatus,
    Strategy,
    User,
)

PACKETS = Path(__file__).parent / "packets"
SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
LATER = (
    (b"BAT_GRB_Pos_1125809-092", b"XRT_Pos_1125809-100"),
    (b'"Packet_Type"  value="61"', b'"Packet_Type"  value="67"'),
)
BETTER = (b"64.7373", b"64.7400"), (b"0.0500<", b"0.0010<")
WORSE = (b"64.7373", b"64.7400"), (b"0.0500<", b"0.1000<")
RETRACTED = (b"</How>", b'</How><Citations><EventIVORN cite="retraction">ivo://x/y#z</EventIVORN></Citations>')


def requests(desk: Any) -> list[Request]:
    with desk.store.session(read_only=True) as session:
        found = list(session.scalars(select(Request).order_by(Request.id)))
        for request in found:
            assert request.sequences is not None
        return found


def change_strategy(desk: Any, **fields: Any) -> None:
    with desk.store.session() as session:
        strategy = session.scalars(select(Strategy).where(Strategy.is_default)).one()
        for key, value in fields.items():
            setattr(strategy, key, {**getattr(strategy, key), **value} if isinstance(value, dict) else value)


def move(desk: Any, *statuses: SequenceStatus) -> None:
    with desk.store.session() as session:
        sequence = session.scalars(select(Sequence)).one()
        for status in statuses:
            sequence.become(status)


def test_the_request_follows_the_strategy(desk: Any) -> None:
    change_strategy(desk, observation={"priority_offset": 5, "min_moon_separation_deg": 10, "window_s": 3600})
    reaction = desk.take(SWIFT)
    assert (reaction.status, reaction.reason) == (AlertStatus.ACCEPTED, "strategy 'default'")
    with desk.store.session(read_only=True) as session:
        sequence = session.get_one(Sequence, reaction.sequence.id)
        assert sequence.priority == sequence.request.programme.priority + 5
        assert (sequence.min_altitude_deg, sequence.max_sun_altitude_deg) == (20, -12)
        assert sequence.min_moon_separation_deg == 10
        assert sequence.window_start is not None
        assert sequence.window_end is not None
        assert (sequence.window_end - sequence.window_start).total_seconds() == 3600
        assert "1125809-092" in sequence.reason


def test_an_alert_is_acted_on_once(desk: Any) -> None:
    received = desk.inbox.receive(SWIFT, "a")
    desk.act(received)
    desk.act(received)
    first, second = desk.reactions
    assert first.sequence is not None
    assert (second.status, second.sequence) == (AlertStatus.ACCEPTED, None)
    assert len(requests(desk)) == 1


def test_a_better_position_changes_the_one_request(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.take(SWIFT)
    second = desk.take(variant(*LATER, *BETTER))
    assert second.status is AlertStatus.ACCEPTED
    assert second.sequence.id == first.sequence.id
    (request,) = requests(desk)
    assert request.sequences[0].ra_deg == 64.74


def test_a_worse_position_changes_nothing(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    second = desk.take(variant(*LATER, *WORSE))
    assert second.sequence is None
    assert "keeps its position" in second.reason
    (request,) = requests(desk)
    assert request.sequences[0].ra_deg == 64.7373


def test_what_is_being_observed_is_not_moved_by_a_little(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    move(desk, SequenceStatus.PLANNED, SequenceStatus.EXECUTING)
    second = desk.take(variant(*LATER, *BETTER))
    assert second.sequence is None
    assert requests(desk)[0].sequences[0].ra_deg == 64.7373


def test_what_is_being_observed_is_moved_to_a_better_position(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.take(SWIFT)
    move(desk, SequenceStatus.PLANNED, SequenceStatus.EXECUTING)
    second = desk.take(variant(*LATER, (b"64.7373", b"64.7600"), (b"0.0500<", b"0.0010<")))
    assert second.sequence.id == first.sequence.id
    assert requests(desk)[0].sequences[0].ra_deg == 64.76


FERMI = (
    (b"ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092", b"ivo://nasa.gsfc.gcn/Fermi#LAT_GRB_1-1"),
    (b'"Packet_Type"  value="61"', b'"Packet_Type"  value="121"'),
    (b'value="1125809"', b'value="686229115"'),
    (b"0.0500<", b"0.3000<"),
)


def test_another_satellite_s_trigger_of_the_same_burst_joins_its_request(
    desk: Any, variant: Callable[..., bytes]
) -> None:
    desk.take(SWIFT)
    other = desk.take(variant(*FERMI, (b"64.7373", b"65.0000"), (b"11:11:52.12", b"11:12:03.00")))
    assert other.status is AlertStatus.ACCEPTED
    assert len(requests(desk)) == 1
    assert requests(desk)[0].sequences[0].ra_deg == 64.7373, "the better position stays"


GOLD = (
    (PACKETS / "amon_icecube_gold_event__02.xml")
    .read_bytes()
    .replace(b"2020-06-15T14:49:17.37</ISOTime>", b"2022-09-30T11:11:52.12</ISOTime>")
)
REVISED = (b"_017593623_0", b"_017593623_1"), (b"143.4519", b"143.2600"), (b"0.9201</Err", b"0.4100</Err")


def changed(raw: bytes, *replacements: tuple[bytes, bytes]) -> bytes:
    for old, new in replacements:
        assert old in raw, old
        raw = raw.replace(old, new)
    return raw


def want_neutrinos(desk: Any) -> None:
    wanted = {"streams": ["AMON"], "packet_types": ["ICECUBE_GOLD_Event"], "max_error_deg": 2}
    change_strategy(desk, conditions=wanted)


def test_a_revision_without_a_trigger_s_number_joins_its_event_by_time_and_place(desk: Any) -> None:
    want_neutrinos(desk)
    assert desk.take(GOLD).status is AlertStatus.ACCEPTED
    desk.take(changed(GOLD, *REVISED))
    assert len(requests(desk)) == 1
    assert requests(desk)[0].sequences[0].ra_deg == 143.26
    desk.take(changed(GOLD, (b"_017593623_0", b"_099999999_0"), (b"143.4519", b"163.4519")))
    assert len(requests(desk)) == 2, "another neutrino at the same time"


def test_a_retraction_without_number_and_citation_finds_what_it_retracts(desk: Any) -> None:
    want_neutrinos(desk)
    assert desk.take(GOLD).status is AlertStatus.ACCEPTED
    raw = re.sub(rb'(name="Retraction"\s+value=)"false"', rb'\1"true"', changed(GOLD, *REVISED[:1]))
    assert desk.take(raw).withdrawn
    assert requests(desk)[0].status is RequestStatus.CANCELLED


@pytest.mark.parametrize(
    "elsewhere", [((b"64.7373", b"69.0000"),), ((b"11:11:52.12", b"11:01:52.12"),)], ids=["place", "time"]
)
def test_another_burst_gets_a_request_of_its_own(
    desk: Any, variant: Callable[..., bytes], elsewhere: tuple[tuple[bytes, bytes], ...]
) -> None:
    desk.take(SWIFT)
    desk.take(variant(*FERMI, *elsewhere))
    assert len(requests(desk)) == 2


def test_a_retraction_that_comes_first_is_remembered(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.take(variant(*LATER, RETRACTED))
    assert (first.status, first.sequence) == (AlertStatus.IGNORED, None)
    late = desk.take(SWIFT)
    assert (late.status, late.sequence) == (AlertStatus.RETRACTED, None)
    assert requests(desk) == []


def test_a_retraction_that_comes_first_is_remembered_by_what_it_cites(desk: Any, variant: Callable[..., bytes]) -> None:
    no_trigger = (b'"TrigID"       value="1125809"', b'"TrigID"       value=""')
    ivorn = b"ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092"
    cite = b'</How><Citations><EventIVORN cite="retraction">' + ivorn + b"</EventIVORN></Citations>"
    desk.take(variant(no_trigger, *LATER, (b"</How>", cite)))
    assert desk.take(variant(no_trigger)).status is AlertStatus.RETRACTED


def test_a_test_moves_something_only_if_a_strategy_says_so(desk: Any, variant: Callable[..., bytes]) -> None:
    test = (b'role="observation"', b'role="test"')
    assert desk.take(variant(test)).status is AlertStatus.IGNORED
    change_strategy(desk, conditions={"roles": ["test"]})
    assert desk.take(variant(test, *LATER)).sequence is not None


def test_foreseeing_agrees_with_what_is_decided(desk: Any, variant: Callable[..., bytes]) -> None:
    from pyros_kernel.alerts import foresee

    now_s = desk.clock.unix_s()
    for raw, new in (
        (SWIFT, True),
        (variant(*LATER, *BETTER), False),
        (variant((b'role="observation"', b'role="test"')), False),
    ):
        received = desk.inbox.receive(raw, "test")
        foreseen = foresee(desk.store, received.packet, now_s)
        assert (foreseen is not None) is new
        before = len(requests(desk))
        desk.act(received)
        assert len(requests(desk)) - before == new
        assert foresee(desk.store, received.packet, now_s) is None


def test_explaining_says_what_would_happen_and_changes_nothing(desk: Any, variant: Callable[..., bytes]) -> None:
    from pyros_kernel.alerts import explain, parse, strategy_table

    def say(raw: bytes, why_not: str = "") -> str:
        return str(explain(desk.store, parse(raw), desk.clock, lambda _packet: why_not))

    assert "strategy 'default': observed at once" in say(SWIFT)
    late = say(SWIFT, "it is below the horizon")
    assert "scheduled for when it can be observed" in late and late.endswith("\n  it is below the horizon")
    assert "ignored\n  its role is test" in say(variant((b'role="observation"', b'role="test"')))
    assert "kept, should what it retracts still come" in say(variant(RETRACTED))
    assert requests(desk) == []
    desk.take(SWIFT)
    assert "follows SWIFT BAT_GRB_Pos 1125809" in say(variant(*LATER))
    assert "withdraws SWIFT BAT_GRB_Pos 1125809" in say(variant(*LATER, RETRACTED))
    *others, row = strategy_table(desk.store)
    assert [other["name"] for other in others] == ["wide"]
    assert (row["name"], row["default"]) == ("default", True)
    assert "SWIFT" in row["wants"]


def test_a_packet_that_cites_an_earlier_one_belongs_to_its_request(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.take(SWIFT)
    cite = b'</How><Citations><EventIVORN cite="followup">ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092'
    raw = variant((b"</How>", cite + b"</EventIVORN></Citations>"), *BETTER, (b"-092\"", b"-093\""),
                  (b'"TrigID"       value="1125809"', b'"TrigID"       value=""'))  # fmt: skip
    assert desk.take(raw).sequence.id == first.sequence.id


@pytest.mark.parametrize("trigger", [b"", b"0", b"-1", b"99999", b"0099999"])
def test_numbers_that_mean_no_trigger_join_nothing(desk: Any, variant: Callable[..., bytes], trigger: bytes) -> None:
    no_trigger = (b'"TrigID"       value="1125809"', b'"TrigID"       value="' + trigger + b'"')
    desk.take(variant(no_trigger))
    desk.take(variant(no_trigger, *LATER, (b"64.7373", b"69.0000")))
    assert len(requests(desk)) == 2


def test_a_retraction_withdraws_what_has_not_begun(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    reaction = desk.take(variant(*LATER, RETRACTED))
    assert reaction.status is AlertStatus.IGNORED
    assert "1 sequences withdrawn" in reaction.reason
    (request,) = requests(desk)
    assert request.status is RequestStatus.CANCELLED
    assert request.sequences[0].status is SequenceStatus.CANCELLED
    assert "retracted by ivo://nasa.gsfc.gcn/SWIFT#XRT_Pos" in request.sequences[0].reason
    with desk.store.session(read_only=True) as session:
        first, second = session.scalars(select(Alert).order_by(Alert.id))
        assert (first.status, second.status) == (AlertStatus.RETRACTED, AlertStatus.IGNORED)
    late = desk.take(variant((b"1125809-092", b"1125809-101"), *BETTER))
    assert (late.status, late.sequence) == (AlertStatus.RETRACTED, None)
    assert "retracted before it came, by ivo://nasa.gsfc.gcn/SWIFT#XRT_Pos" in late.reason


def test_a_retraction_closes_the_request_and_names_what_runs(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.take(SWIFT)
    move(desk, SequenceStatus.PLANNED, SequenceStatus.EXECUTING)
    reaction = desk.take(variant(*LATER, RETRACTED))
    assert reaction.withdrawn == (first.sequence.id,)
    (request,) = requests(desk)
    assert request.status is RequestStatus.CANCELLED
    assert request.reason.startswith("retracted by ivo://nasa.gsfc.gcn/SWIFT#XRT_Pos")
    assert request.sequences[0].status is SequenceStatus.EXECUTING, "whoever runs it ends it, with its images"


def test_what_was_observed_before_it_was_retracted_stays_as_it_is(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    move(desk, SequenceStatus.PLANNED, SequenceStatus.EXECUTING, SequenceStatus.EXECUTED)
    with desk.store.session() as session:
        request = session.scalars(select(Request)).one()
        request.become(RequestStatus.EXECUTING)
        request.become(RequestStatus.COMPLETE)
    reaction = desk.take(variant(*LATER, RETRACTED))
    assert "it is complete already" in reaction.reason
    assert (reaction.withdrawn, requests(desk)[0].status) == ((), RequestStatus.COMPLETE)
    with desk.store.session(read_only=True) as session:
        assert session.scalars(select(Alert).order_by(Alert.id)).first().status is AlertStatus.RETRACTED


def test_one_satellite_s_retraction_leaves_what_another_saw_too(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    assert desk.take(variant(*FERMI)).status is AlertStatus.ACCEPTED
    reaction = desk.take(variant(*LATER, RETRACTED))
    assert "others stand by it" in reaction.reason
    assert requests(desk)[0].status is RequestStatus.SUBMITTED
    with desk.store.session(read_only=True) as session:
        statuses = [alert.status for alert in session.scalars(select(Alert).order_by(Alert.id))]
    assert statuses == [AlertStatus.RETRACTED, AlertStatus.ACCEPTED, AlertStatus.IGNORED]
    last = desk.take(variant(*FERMI, (b"LAT_GRB_1-1", b"LAT_GRB_1-2"), RETRACTED))
    assert "1 sequences withdrawn" in last.reason
    assert requests(desk)[0].status is RequestStatus.CANCELLED


def test_a_test_can_not_retract_what_is_real(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(SWIFT)
    reaction = desk.take(variant(*LATER, RETRACTED, (b'role="observation"', b'role="test"')))
    assert "its role is test" in reaction.reason
    assert requests(desk)[0].sequences[0].status is SequenceStatus.OBSERVABLE


def test_each_real_packet_is_stored_and_told_what_became_of_it(desk: Any) -> None:
    """Years later nothing is observed for any of them, and each says why."""
    desk.clock.advance(10 * 365 * 86400)
    files = sorted(PACKETS.glob("*.xml"))
    for path in files:
        reaction = desk.take(path.read_bytes())
        assert (reaction.status in {AlertStatus.IGNORED, AlertStatus.RETRACTED}, reaction.sequence) == (True, None)
        assert len(reaction.reason) > 10, path.name
    assert requests(desk) == []
    assert len(desk.files) == len(files)


@pytest.mark.parametrize(
    ("observation", "why"),
    [
        ({"programme": "no such"}, "there is no scientific_programme named 'no such'"),
        ({"user": "nobody"}, "there is no user named 'nobody'"),
        ({"albums": {"UV": []}}, "UV"),
        ({"albums": {"VIS": [{"filter": "r"}]}}, "exposure_time_s"),
        ({"albums": {"VIS": []}}, "there are no plans"),
        ({"albums": 7}, "not understood"),
        ({"window_s": "long"}, "long"),
        ({"min_altitude": 20}, "unknown keys min_altitude"),
    ],
)
def test_a_strategy_that_can_not_be_used_is_told_and_the_next_is_asked(
    desk: Any, caplog: pytest.LogCaptureFixture, observation: dict[str, Any], why: str
) -> None:
    with desk.store.session() as session:
        default = session.scalars(select(Strategy).where(Strategy.is_default)).one()
        broken = {**default.observation, **observation}
        session.add(Strategy(name="broken", order=5, observation=broken))
    reaction = desk.take(SWIFT)
    assert reaction.status is AlertStatus.ACCEPTED
    assert why in reaction.reason
    assert why in caplog.text
    (request,) = requests(desk)
    assert len(request.sequences) == 1


def test_without_any_usable_strategy_nothing_is_left_half_made(desk: Any) -> None:
    change_strategy(desk, observation={"programme": "no such"})
    reaction = desk.take(SWIFT)
    assert reaction.status is AlertStatus.IGNORED
    assert "no such" in reaction.reason
    with desk.store.session(read_only=True) as session:
        for model in (Request, Sequence, Album, Plan):
            assert session.scalars(select(model)).all() == []


def test_warming_up_leaves_nothing_and_tells_of_a_broken_strategy(desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    warm_up(desk.store, desk.clock)
    assert caplog.text == ""
    change_strategy(desk, observation={"user": "nobody"})
    warm_up(desk.store, desk.clock)
    assert "mend it before an alert needs it" in caplog.text
    with desk.store.session(read_only=True) as session:
        assert session.scalars(select(Alert)).all() == []
        assert session.scalars(select(Request)).all() == []
        assert session.scalars(select(User)).all() != []
    assert desk.files == []


def test_how_an_alert_is_observed_follows_its_error_circle(desk: Any, variant: Callable[..., bytes]) -> None:
    change_strategy(desk, observation={"parameters": {"dither": "5 arcsec"}})
    wide = desk.take(variant((b"0.0500<", b"0.3000<")))
    assert (wide.reason, wide.sequence.recipe) == ("strategy 'wide'", "follow_alert")
    assert wide.sequence.parameters == {"overlap": 0.1}
    small = desk.take(variant(*LATER, *BETTER))
    assert small.sequence.id == wide.sequence.id, "the one request of the event"
    assert (small.sequence.recipe, small.sequence.parameters) == ("observe", {"dither": "5 arcsec"})


def test_a_sky_map_is_looked_for_under_the_name_of_the_event(desk: Any, variant: Callable[..., bytes]) -> None:
    way = {"recipe": "follow_alert", "parameters": {"skymap": "skymaps/{trigger_id}.fits"}}
    change_strategy(desk, observation=way)
    assert desk.take(SWIFT).sequence.parameters == {"skymap": "skymaps/1125809.fits"}
    evil = variant((b'value="1125809"', b'value="../../etc/1"'), (b"1125809-092", b"7-1"))
    sequence = desk.take(evil).sequence
    assert sequence is None or "/etc" not in sequence.parameters["skymap"]


@pytest.mark.parametrize("way", [{"recipe": 5}, {"parameters": "dither"}])
def test_a_strategy_whose_recipe_is_none_is_not_used(desk: Any, way: dict[str, Any]) -> None:
    change_strategy(desk, observation=way)
    reaction = desk.take(SWIFT)
    assert reaction.status is AlertStatus.IGNORED
    assert "recipe must be a name, parameters must be an object" in reaction.reason
