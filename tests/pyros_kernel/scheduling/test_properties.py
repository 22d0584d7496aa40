"""What must hold for any set of blocks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pyros_kernel.scheduling import Block, Plan, Search, Sky, Transition, observable, plan
from pyros_kernel.scheduling.replanning import Replanner

_FILTERS = st.sampled_from([(), ("r",), ("g", "r"), ("r", "g")])


@st.composite
def _blocks(draw: st.DrawFn, sky: Sky) -> list[Block]:
    def block(k: int) -> Block:
        window = None
        if draw(st.booleans()):
            begin = sky.midnight_unix_s + draw(st.floats(-8, 8)) * 3600
            window = (begin, begin + draw(st.floats(60, 4 * 3600)))
        return Block(
            k,
            draw(st.floats(0, 360)),
            draw(st.floats(-90, 90)),
            draw(st.floats(10, 7200)),
            priority=draw(st.integers(0, 4)),
            min_altitude_deg=draw(st.floats(0, 60)),
            max_sun_altitude_deg=draw(st.sampled_from([-18.0, -12.0, -6.0])),
            min_moon_separation_deg=draw(st.sampled_from([0.0, 20.0, 60.0])),
            max_moon_illumination=draw(st.sampled_from([None, None, 0.4])),
            window=window,
            filters=draw(_FILTERS),
            programme=draw(st.sampled_from(["", "a", "b"])),
        )

    return [block(k) for k in range(draw(st.integers(1, 12)))]


_TRANSITIONS = st.builds(
    Transition,
    slew_rate_deg_s=st.none() | st.floats(0.2, 5),
    settle_s=st.floats(0, 30),
    filter_change_s=st.floats(0, 60),
)


def _plan(
    blocks: list[Block],
    sky: Sky,
    transition: Transition,
    blocked: tuple[tuple[float, float], ...] = (),
    search: Search | None = None,
    quotas: dict[str, float] | None = None,
) -> Plan:
    night = sky.night
    return plan(
        blocks,
        sky,
        transition,
        start_unix_s=night.sunset_unix_s,
        end_unix_s=night.sunrise_unix_s,
        blocked=blocked,
        search=search,
        quotas=quotas,
    )


def _needed_s(a: Block, b: Block, t: Transition) -> float:
    """Give the transition from one block to another, by the textbook formula for the angle."""
    (a1, d1), (a2, d2) = (np.radians([x.ra_deg, x.dec_deg]) for x in (a, b))
    cosine = np.sin(d1) * np.sin(d2) + np.cos(d1) * np.cos(d2) * np.cos(a1 - a2)
    slew = 0.0 if t.slew_rate_deg_s is None else np.degrees(np.arccos(np.clip(cosine, -1, 1))) / t.slew_rate_deg_s
    change = t.filter_change_s if a.filters and b.filters and a.filters[-1] != b.filters[0] else 0.0
    return float(slew) + t.settle_s + change


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_never_overlaps_breaks_a_constraint_or_exceeds_a_quota(spm: Sky, data: st.DataObject) -> None:
    blocks, transition = data.draw(_blocks(spm)), data.draw(_TRANSITIONS)
    middle = spm.midnight_unix_s
    blocked = ((middle - 1000.0, middle + 1000.0),) if data.draw(st.booleans()) else ()
    search = data.draw(st.none() | st.builds(Search, iterations=st.integers(0, 8), seed=st.integers(0, 9)))
    quotas = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), st.floats(0, 10_000)))
    made = _plan(blocks, spm, transition, blocked, search, quotas)
    by_id = {b.id: b for b in blocks}
    assert sorted([p.id for p in made.placed] + [r.id for r in made.rejected]) == sorted(by_id)
    for a, b in pairwise(made.placed):
        # A minute of arc of aberration lies between the apparent slew and the catalogue's.
        assert b.start_unix_s - a.end_unix_s >= _needed_s(by_id[a.id], by_id[b.id], transition) - 0.1
        assert b.transition_s <= b.start_unix_s - a.end_unix_s + 1e-6
    for p in made.placed:
        block = by_id[p.id]
        assert abs(p.end_unix_s - p.start_unix_s - block.duration_s) < 1e-5
        assert spm.night.sunset_unix_s <= p.start_unix_s < p.end_unix_s <= spm.night.sunrise_unix_s + 1e-5
        for t in np.linspace(p.start_unix_s, p.end_unix_s, 20):
            inside = min(max(float(t), p.start_unix_s + 1e-6), p.end_unix_s - 1e-6)
            assert observable(block, spm, inside) == replace(observable(block, spm, inside), ok=True)
        for a, b in blocked:
            assert p.end_unix_s <= a + 1e-6 or p.start_unix_s >= b
    for programme, limit_s in quotas.items():
        used = sum(by_id[p.id].duration_s for p in made.placed if by_id[p.id].programme == programme)
        assert used <= limit_s + 1e-5
    assert all(r.reason for r in made.rejected)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_less_important_block_changes_nothing_above_it(spm: Sky, data: st.DataObject) -> None:
    blocks, transition = data.draw(_blocks(spm)), data.draw(_TRANSITIONS)
    extra = replace(data.draw(_blocks(spm))[0], id=-1, priority=-1)
    before, after = _plan(blocks, spm, transition), _plan([extra, *blocks], spm, transition)
    assert [r.id for r in before.rejected] == [r.id for r in after.rejected if r.id != -1]
    assert [(p.id, p.start_unix_s) for p in before.placed] == [
        (p.id, p.start_unix_s) for p in after.placed if p.id != -1
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_same_again_gives_the_same(spm: Sky, data: st.DataObject) -> None:
    blocks, transition = data.draw(_blocks(spm)), data.draw(_TRANSITIONS)
    made = _plan(blocks, spm, transition)
    assert _plan(data.draw(st.permutations(blocks)), spm, transition) == made
    # Replanning from what was placed alone keeps each where it was or earlier: nobody is pushed out.
    kept = {p.id for p in made.placed}
    again = _plan([b for b in blocks if b.id in kept], spm, transition)
    assert [(p.id, p.start_unix_s) for p in again.placed] == [(p.id, p.start_unix_s) for p in made.placed]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_replanning_with_nothing_changed_changes_nothing(spm: Sky, data: st.DataObject) -> None:
    blocks, transition = data.draw(_blocks(spm)), data.draw(_TRANSITIONS)
    made = _plan(blocks, spm, transition, search=data.draw(st.none() | st.just(Search(2))))
    replanner = Replanner(blocks, spm, transition, made)
    now = made.start_unix_s
    for hour in sorted(data.draw(st.lists(st.floats(0, 10), max_size=3))):
        now = made.start_unix_s + 3600 * hour
        again = replanner.replan(now)
        assert [p.id for p in again.placed] == [p.id for p in made.placed]
        for a, b in zip(again.placed, made.placed, strict=True):
            assert abs(a.start_unix_s - b.start_unix_s) < 1e-3 or b.start_unix_s < now
