"""A plan that changes: what runs and what still holds stays, nothing is broken, and it is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.nightbench.adapter import blocks_of, plan_of, rows_of, sky_of
from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Block, Search, Transition
from pyros_kernel.scheduling.events import Alert, Dropped, Event, Failed, Lost, Overrun, Pinned
from pyros_kernel.scheduling.outcome import Plan
from pyros_kernel.scheduling.replanning import Replanner

PROBLEM = make_problem(60, "OHP", "2026-11-17")
SKY, BLOCKS = sky_of(PROBLEM), blocks_of(PROBLEM)
MADE = plan_of(PROBLEM, SKY, BLOCKS, Search(2))
WAY = Transition(PROBLEM.transition.slew_rate or 0.0, 0.0, PROBLEM.transition.filter_change)
MIDDLE = len(MADE.placed) // 2
RUNNING = MADE.placed[MIDDLE]
NOW = RUNNING.start_unix_s + 30.0


def _replanner() -> Replanner:
    return Replanner(BLOCKS, SKY, WAY, MADE)


def _burst(duration_s: float = 600.0) -> Block:
    near = next(b for b in BLOCKS if b.id == MADE.placed[MIDDLE + 1].id)
    return Block("GRB", near.ra_deg, near.dec_deg, duration_s, priority=9)


def _starts(made: Plan) -> dict[object, float]:
    return {p.id: p.start_unix_s for p in made.placed}


def test_nothing_happened_and_nothing_changes() -> None:
    again = _replanner().replan(NOW)
    assert _starts(again) == pytest.approx(_starts(MADE))
    assert again.value == pytest.approx(MADE.value)


def test_an_alert_goes_first_and_the_past_stays() -> None:
    replanner = _replanner()
    made = replanner.replan(NOW, Alert(_burst()))
    at, before = _starts(made), _starts(MADE)
    assert NOW <= at["GRB"] < NOW + 120.0
    assert RUNNING.id not in at or at[RUNNING.id] > at["GRB"]
    for p in MADE.placed[:MIDDLE]:
        assert at[p.id] == before[p.id]
    words = {p.id: p.why for p in made.placed}
    assert words["GRB"].startswith("alert")
    with pytest.raises(ValueError, match="GRB is there already"):
        replanner.replan(NOW, Alert(_burst()))


def test_an_alert_can_wait_for_the_end_of_what_runs() -> None:
    at = _starts(_replanner().replan(NOW, Alert(_burst(), interrupts=False)))
    assert at[RUNNING.id] == RUNNING.start_unix_s
    assert at["GRB"] >= RUNNING.end_unix_s


def test_lost_time_stays_empty_and_is_used_again_after() -> None:
    lost = Lost(NOW, NOW + 5400.0)
    made = _replanner().replan(NOW, lost)
    assert all(p.end_unix_s <= lost.start_unix_s or p.start_unix_s >= lost.end_unix_s for p in made.placed)
    assert any(p.start_unix_s >= lost.end_unix_s for p in made.placed)


def test_what_failed_makes_room_and_what_overruns_takes_it() -> None:
    failed = _replanner().replan(NOW, Failed(RUNNING.id, again=False))
    assert RUNNING.id not in _starts(failed)
    assert {r.id: r.reason for r in failed.rejected}[RUNNING.id] == "failed"
    late = _replanner().replan(NOW, Overrun(RUNNING.id, RUNNING.end_unix_s + 900.0))
    following = [p for p in late.placed if p.start_unix_s > RUNNING.start_unix_s]
    assert all(p.start_unix_s >= RUNNING.end_unix_s + 900.0 for p in following)
    with pytest.raises(ValueError, match="does not run"):
        _replanner().replan(NOW, Overrun(MADE.placed[-1].id, NOW))


def test_a_user_pins_and_drops() -> None:
    replanner = _replanner()
    last = MADE.placed[-1]
    block = next(b for b in BLOCKS if b.id == last.id)
    made = replanner.replan(NOW, Dropped(MADE.placed[-2].id))
    assert MADE.placed[-2].id not in _starts(made)
    assert _starts(replanner.replan(NOW, Pinned(last.id, last.start_unix_s)))[last.id] == last.start_unix_s
    with pytest.raises(ValueError, match=f"block {block.id} can't be observed from"):
        replanner.replan(NOW, Pinned(last.id, NOW - 7200.0))
    with pytest.raises(ValueError, match="no block nobody"):
        replanner.replan(NOW, Dropped("nobody"))


def test_a_small_gain_changes_nothing() -> None:
    still = Replanner(BLOCKS, SKY, WAY, MADE, stability=10.0)
    still.replan(NOW)
    assert _starts(still.improve(NOW, Search(2))) == pytest.approx(_starts(MADE))
    eager = Replanner(BLOCKS, SKY, WAY, MADE, stability=0.0)
    eager.replan(NOW, Failed(RUNNING.id))
    before = eager.plan.value
    assert eager.improve(NOW, Search(4)).value >= before


_LATER = [p.id for p in MADE.placed[MIDDLE + 1 :]]
_EVENTS = st.one_of(
    st.just(Alert(_burst())),
    st.builds(lambda a, n: Lost(NOW + a, NOW + a + n), st.floats(0, 9000), st.floats(60, 9000)),
    st.builds(Failed, st.sampled_from(_LATER), st.booleans()),
    st.builds(lambda s: Overrun(RUNNING.id, RUNNING.end_unix_s + s), st.floats(0, 3000)),
    st.builds(Dropped, st.sampled_from(_LATER)),
)


@settings(max_examples=12, deadline=None)
@given(_EVENTS)
def test_whatever_happens_the_judge_finds_nothing(event: Event) -> None:
    made = _replanner().replan(NOW, event)
    assert {p.id for p in made.placed}.isdisjoint(r.id for r in made.rejected)
    for a, b in pairwise(made.placed):
        assert b.start_unix_s - a.end_unix_s >= b.transition_s - 1e-3
    rows = [row for row in rows_of(PROBLEM, made) if row[0] != "GRB"]
    report = evaluate(replace(PROBLEM, blocked=()), rows, step=300.0)
    # What runs longer than it may can leave its own limits; nothing else does.
    assert [v for v in report.violations if v.request != RUNNING.id] == []
