"""The judge: several sources, stuck and repeating sensors, clocks that are set; each kind of lie is unsafe."""

from __future__ import annotations

from itertools import product

import pytest

from pyros_kernel.safety import Judge, Rule, Safety, read_rules
from pyros_kernel.safety.judge import combine

RAIN = Rule("rain", 60, 1800, "close_now", "wet", unsafe_if=True)
HUMIDITY = Rule("humidity", 60, 900, "close", "dew", unit="%", unsafe_above=85, safe_below=80, frozen_s=3600)
ORDER = (Safety.UNSAFE, Safety.UNKNOWN, Safety.SAFE)


class Times:
    """Two clocks: one that can be set, one that can't."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_664_500_000.0, 100.0

    def pass_(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def judge_of(*rules: Rule) -> tuple[Judge, Times]:
    times = Times()
    return Judge(rules, lambda: times.wall_s, lambda: times.steady_s), times


def test_every_combination_of_sources_holds_what_the_table_says() -> None:
    """All of 3 values for up to 4 sources under each agree and confirm: what is worse never makes it safe."""
    looked_at = 0
    for count, agree, confirm in product(range(1, 5), range(1, 4), range(1, 4)):
        rule = Rule("rain", 60, 0, "close", "wet", unsafe_if=True, agree=agree, confirm=confirm)
        for says in product(ORDER, repeat=count):
            together = combine(rule, says)
            living = [s for s in says if s is not Safety.UNKNOWN]
            assert (together is Safety.SAFE) <= (says.count(Safety.SAFE) >= agree)
            assert Safety.UNSAFE in says or together is not Safety.UNSAFE
            if living and all(s is Safety.UNSAFE for s in living):
                assert together is Safety.UNSAFE, "whoever still lives decides"
            if confirm == 1 and Safety.UNSAFE in says:
                assert together is Safety.UNSAFE, "the first one suffices"
            if not living:
                assert together is Safety.UNKNOWN
            for i, worse in product(range(count), ORDER):
                if ORDER.index(worse) < ORDER.index(says[i]) and together is not Safety.SAFE:
                    assert combine(rule, (*says[:i], worse, *says[i + 1 :])) is not Safety.SAFE
            looked_at += 1
    assert looked_at == 9 * (3 + 9 + 27 + 81)


def test_every_rule_of_the_table_under_every_kind_of_value() -> None:
    """Each rule alone: below, at, above both limits × fresh, old, future, never × broken before or not."""
    for rule, age_s, broken in product(read_rules(), (0, 59, 61, -6, -1e6, 1e6, None), (False, True)):
        for value in _values(rule):
            judge, times = judge_of(rule)
            if broken:
                judge.take("plc", rule.quantity, _bad(rule), times.wall_s)
                times.pass_(1)
            if age_s is not None:
                judge.take("plc", rule.quantity, value, times.wall_s - age_s)
            reason = judge.verdict().reasons[0]
            if reason.safety is Safety.SAFE:
                assert age_s in (0, 59) and not broken and rule.judge(value, False)[0] is Safety.SAFE
            elif age_s == 0 and not broken:
                assert rule.judge(value, False)[0] is not Safety.SAFE
            assert judge.verdict().safe == (reason.safety is Safety.SAFE or rule.consequence in ("warn", "pause"))


def _values(rule: Rule) -> list[float | bool]:
    if rule.unsafe_if is not None:
        return [True, False]
    edges = [x for x in (rule.unsafe_above, rule.safe_below, rule.unsafe_below, rule.safe_above) if x is not None]
    return [*(e + d for e in edges for d in (-0.1, 0.0, 0.1)), float("nan"), float("inf"), True]


def _bad(rule: Rule) -> float | bool:
    if rule.unsafe_if is not None:
        return rule.unsafe_if
    return rule.unsafe_above + 1 if rule.unsafe_above is not None else (rule.unsafe_below or 0.0) - 1


def test_a_dead_source_is_named_while_the_other_one_carries_on() -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", False, times.wall_s)
    judge.take("mast", "rain", False, times.wall_s)
    times.pass_(100)
    judge.take("mast", "rain", False, times.wall_s)
    verdict = judge.verdict()
    assert verdict.safe
    (dead,) = verdict.warnings
    assert "100 s old" in dead.text
    times.pass_(100)
    assert not judge.verdict().safe


def test_two_must_agree_and_one_alone_is_not_enough() -> None:
    judge, times = judge_of(Rule("rain", 60, 0, "close", "wet", unsafe_if=True, agree=2))
    judge.take("plc", "rain", False, times.wall_s)
    assert "2 sources must agree" in str(judge.verdict())
    judge.take("mast", "rain", False, times.wall_s)
    assert judge.verdict().safe


def test_an_alarm_can_need_a_second_source_unless_that_is_dead() -> None:
    judge, times = judge_of(Rule("rain", 60, 0, "close_now", "wet", unsafe_if=True, confirm=2))
    judge.take("plc", "rain", True, times.wall_s)
    judge.take("mast", "rain", False, times.wall_s)
    assert judge.verdict().safe
    times.pass_(61)
    judge.take("plc", "rain", True, times.wall_s)
    assert judge.verdict().close_now


def test_a_stuck_sensor_is_unsafe_though_its_times_move() -> None:
    judge, times = judge_of(HUMIDITY)
    for _ in range(130):
        judge.take("plc", "humidity", 41.3, times.wall_s)
        times.pass_(30)
    assert "humidity: just 41.3 for 3870 s: its sensor is stuck" in str(judge.verdict())
    judge.take("plc", "humidity", 41.4, times.wall_s)
    assert judge.verdict().safe


def test_a_stuck_sensor_that_says_unsafe_stays_unsafe() -> None:
    judge, times = judge_of(HUMIDITY)
    for _ in range(130):
        judge.take("plc", "humidity", 99.0, times.wall_s)
        times.pass_(30)
    assert judge.verdict().safety is Safety.UNSAFE


def test_a_relay_that_stamps_old_data_anew_is_found_by_its_sameness() -> None:
    judge, times = judge_of(RAIN)
    for i in range(50):
        for quantity, value in (("rain", False), ("humidity", 41.3), ("wind", 4.21), ("temperature", 8.12)):
            judge.take("relay", quantity, value, times.wall_s)
        if i < 10:
            assert judge.verdict().safe
        times.pass_(20)
    assert "relay repeats all its values for" in str(judge.verdict())
    judge.take("relay", "temperature", 8.13, times.wall_s)
    assert judge.verdict().safe, "one sensor that moves shows that the data are new"


@pytest.mark.parametrize("step_s", [-7200, -30, 30, 7200])
def test_a_clock_that_is_set_makes_everything_unknown_until_read_again(step_s: float) -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", False, times.wall_s)
    assert judge.verdict().safe
    times.wall_s += step_s
    assert f"since the clock was set by {step_s:+.0f} s" in str(judge.verdict())
    judge.take("plc", "rain", False, times.wall_s)
    assert judge.verdict().safe


def test_a_stall_between_two_looks_at_the_clocks_is_no_step() -> None:
    times, stalls_s = Times(), [0.0]

    def now_s() -> float:
        times.pass_(stalls_s.pop() if stalls_s else 0.0)
        seen_s = times.wall_s
        times.pass_(stalls_s.pop() if stalls_s else 0.0)
        return seen_s

    judge = Judge((RAIN,), now_s, lambda: times.steady_s)
    judge.take("plc", "rain", False, times.wall_s)
    for before_s, after_s in ((14.0, 0.0), (0.0, 14.0), (0.0, 0.0), (14.0, 14.0)):
        stalls_s = [after_s, before_s]
        assert judge.verdict().safe, f"stood still for {before_s:g} s before, and {after_s:g} s after the reading"
        times.pass_(1)
    times.wall_s += 30.0
    assert "since the clock was set by +30 s" in str(judge.verdict()), "the stalls hide no step that comes later"


def test_setting_the_clock_shortens_no_delay() -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", True, times.wall_s)
    times.wall_s += 86400
    times.pass_(1)
    judge.take("plc", "rain", False, times.wall_s)
    assert "re-open delay 30 min left" in str(judge.verdict())


def test_a_source_whose_clock_is_put_right_is_believed_again() -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", False, times.wall_s + 3600)
    assert "in the future" in str(judge.verdict())
    judge.take("plc", "rain", False, times.wall_s)
    assert judge.verdict().safe


def test_rain_between_two_verdicts_is_not_missed() -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", True, times.wall_s)
    times.pass_(1)
    judge.take("plc", "rain", False, times.wall_s)
    assert "re-open delay" in str(judge.verdict())


def test_a_restart_shortens_no_delay() -> None:
    judge, times = judge_of(RAIN)
    judge.take("plc", "rain", True, times.wall_s)
    times.pass_(600)
    judge.take("plc", "rain", False, times.wall_s)
    after, later = judge_of(RAIN)
    later.wall_s = times.wall_s
    after.remember(judge.broken())
    after.take("plc", "rain", False, times.wall_s)
    assert "re-open delay 20 min left" in str(after.verdict())


def test_a_pause_and_a_warning_leave_the_dome_open() -> None:
    pause = Rule("wind", 60, 0, "pause", "blur", unsafe_above=12)
    warn = Rule("humidity", 60, 0, "warn", "dew", unsafe_above=80)
    judge, times = judge_of(pause, warn, RAIN)
    judge.take("plc", "rain", False, times.wall_s)
    judge.take("plc", "wind", 13.0, times.wall_s)
    judge.take("plc", "humidity", 83.0, times.wall_s)
    verdict = judge.verdict()
    assert verdict.safe and not verdict.against
    assert [r.quantity for r in verdict.pausing] == ["wind"]
    assert [r.quantity for r in verdict.warnings] == ["humidity"]
