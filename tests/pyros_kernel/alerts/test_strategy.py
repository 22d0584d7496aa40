"""Which strategy wants what, and what nobody may move for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyros_kernel.alerts import decide, gate, parse
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Strategy

PACKETS = Path(__file__).parent / "packets"
SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
BURST_S = 1664536312.12  # 2022-09-30T11:11:52.12 UTC


def strategy(
    name: str = "s", order: int = 0, *, enabled: bool = True, default: bool = False, **conditions: Any
) -> Strategy:
    return Strategy(name=name, order=order, enabled=enabled, is_default=default, conditions=conditions, observation={})


@pytest.mark.parametrize(
    ("conditions", "objection"),
    [
        ({}, ""),
        ({"streams": ["Fermi", "SWIFT"]}, ""),
        ({"streams": ["Fermi"]}, "stream SWIFT is not among Fermi"),
        ({"packet_types": ["BAT_GRB_Pos"]}, ""),
        ({"packet_types": ["XRT_Pos"]}, "packet type BAT_GRB_Pos is not among XRT_Pos"),
        ({"kinds": ["position"]}, ""),
        ({"kinds": ["trigger"]}, "its kind, position, is not among trigger"),
        ({"max_error_deg": 0.05}, ""),
        ({"max_error_deg": 0.01}, "its error radius 0.05° is larger than 0.01°"),
        ({"max_age_s": 60}, ""),
        ({"max_age_s": 59}, "the event was 60 s ago, more than 59 s"),
        ({"refuse": {"StarTrack_Lost_Lock": "true", "No_Such": "x"}}, ""),
        ({"refuse": {"Point_Source": True}}, "Point_Source is true"),
        ({"require": {"Point_Source": True}}, ""),
        ({"require": {"Burst": "yes"}}, "Burst is not given"),
        ({"streem": ["SWIFT"]}, "can't be used: condition 'streem' is not understood (known: streams,"),
        ({"max_error_deg": "wide"}, "can't be used"),
        ({"streams": 3}, "can't be used"),
        ({"refuse": ["x"]}, "can't be used"),
    ],
)
def test_a_condition_holds_or_says_why_not(conditions: dict[str, Any], objection: str) -> None:
    decision = decide(parse(SWIFT), [strategy(**conditions)], BURST_S + 60)
    assert decision.accepted == (not objection)
    assert objection in str(decision)


def test_the_largest_order_wins_and_the_default_comes_last() -> None:
    offered = [
        strategy("default", 9, default=True),
        strategy("low", 1),
        strategy("high", 2),
        strategy("fermi", 3, streams=["Fermi"]),
        strategy("off", 4, enabled=False),
    ]
    decision = decide(parse(SWIFT), offered, BURST_S)
    assert decision.strategy is not None
    assert decision.strategy.name == "high"
    assert decision.reasons == (
        "strategy 'off': it is switched off",
        "strategy 'fermi': stream SWIFT is not among Fermi",
    )
    decision = decide(parse(SWIFT), [offered[0]], BURST_S)
    assert decision.strategy is offered[0]


def test_without_a_strategy_nothing_is_wanted() -> None:
    assert str(decide(parse(SWIFT), [], BURST_S)) == "no strategy is enabled"


def test_an_unknown_error_or_age_is_not_small(variant: Callable[..., bytes]) -> None:
    packet = parse(variant((b"<Error2Radius>0.0500</Error2Radius>", b"")))
    assert "error radius is not known" in str(decide(packet, [strategy(max_error_deg=1)], BURST_S))
    packet = parse(variant((b"<ISOTime>2022-09-30T11:11:52.12</ISOTime>", b"")))
    assert "age is not known" in str(decide(packet, [strategy(max_age_s=1e9)], BURST_S))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("swift_bat_grb_test_pos__01", "its role is test"),
        ("swift_point_dir__02", "its role is utility"),
        ("swift_fom_obs__06", "spacecraft points"),
        ("fermi_gbm_alert__03", "placeholder"),
        ("fermi_gbm_fin_pos_int__03", "can't be"),
        ("svom_retraction__03", "it is a retraction"),
        ("lvc_preliminary__04", "no position: nothing moves until another packet of the event brings one"),
        ("malformed/syn_c1_nan", "not a number"),
        ("malformed/syn_c1_out_of_range", "out of range"),
    ],
)
def test_nothing_moves_for_what_can_not_be_believed(file: str, reason: str) -> None:
    packet = parse((PACKETS / f"{file}.xml").read_bytes())
    assert reason in gate(packet, BURST_S)
    decision = decide(packet, [strategy()], BURST_S)
    assert not decision.accepted
    assert reason in str(decision)


def test_what_is_yet_to_come_can_not_have_happened(variant: Callable[..., bytes]) -> None:
    assert gate(parse(SWIFT), BURST_S - 3600) == "", "a rehearsed night may begin earlier"
    assert "2092-09-30 11:11, can't be" in gate(
        parse(variant((b"2022-09-30T11:11:52.12", b"2092-09-30T11:11" + b":52"))), BURST_S
    )


def test_a_test_that_calls_itself_an_observation_moves_nothing() -> None:
    raw = (PACKETS / "swift_bat_grb_test_pos__01.xml").read_bytes().replace(b'role="test"', b'role="observation"')
    packet = parse(raw)
    assert "BAT_GRB_Test_Pos is a test, whatever its role says" in gate(packet, packet.event_utc.timestamp())  # type: ignore[union-attr]
    assert gate(packet, packet.event_utc.timestamp(), ("observation", "test")) == ""  # type: ignore[union-attr]


def test_what_a_param_calls_a_test_is_moved_for_only_by_a_strategy_for_tests(variant: Callable[..., bytes]) -> None:
    packet = parse(variant((b"<What>", b'<What><Param name="InternalTest" value="true"/>')))
    both = [strategy("real", 2), strategy("tests", 1, roles=["test"])]
    decision = decide(packet, both, BURST_S + 60)
    assert decision.strategy is both[1]
    assert decide(packet, both[:1], BURST_S + 60).strategy is None


def test_conditions_on_significance_and_observability(variant: Callable[..., bytes]) -> None:
    packet = parse(SWIFT)
    assert packet.significance is not None
    assert decide(packet, [strategy(min_significance=packet.significance)], BURST_S).accepted
    assert "is less than" in str(decide(packet, [strategy(min_significance=packet.significance + 1)], BURST_S))
    for wanted, reason, accepted in ((True, "", True), (True, "set", False), (False, "", False), (False, "set", True)):
        decision = decide(packet, [strategy(observable=wanted)], BURST_S, lambda _packet, r=reason: r)
        assert decision.accepted is accepted
