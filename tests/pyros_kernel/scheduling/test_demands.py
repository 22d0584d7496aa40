"""What may be asked for beside a place in the sky: quotas, groups, series, mandatory blocks, preferred times."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.nightbench.adapter import blocks_of, sky_of
from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Block, Plan, Search, Sky, Transition, plan
from pyros_kernel.scheduling.block import Pointing
from pyros_kernel.scheduling.problem import read_problem

BOTH = pytest.mark.parametrize("search", [None, Search(4)], ids=["priority", "value"])


def _night(sky: Sky, blocks: list[Block], search: Search | None, **more: Any) -> Plan:
    night = sky.night
    return plan(
        blocks,
        sky,
        Transition(),
        start_unix_s=night.dusk_unix_s,
        end_unix_s=night.dawn_unix_s,
        search=search,
        **more,
    )


def _full(n: int = 60) -> tuple[Sky, list[Block]]:
    problem = make_problem(n)
    blocks = [replace(b, programme=r.programme) for b, r in zip(blocks_of(problem), problem.requests, strict=True)]
    return sky_of(problem), blocks


@BOTH
def test_no_quota_is_exceeded(search: Search | None) -> None:
    sky, blocks = _full()
    quotas = {"EXO": 6000.0, "VAR": 3000.0}
    made = _night(sky, blocks, search, quotas=quotas)
    by_id = {b.id: b for b in blocks}
    used = {p: sum(by_id[x.id].duration_s for x in made.placed if by_id[x.id].programme == p) for p in quotas}
    assert all(0 < used[p] <= quotas[p] for p in quotas)
    if search is None:
        assert any("quota of EXO" in r.reason for r in made.rejected)
    else:
        assert made.bound is not None
        assert made.value <= made.bound <= 1.15 * made.value


@pytest.mark.parametrize("night", [("OHP", "2026-11-09"), ("SPM", "2026-11-22")])
def test_the_judge_finds_quotas_kept(night: tuple[str, str], tmp_path: Any) -> None:
    problem = make_problem(80, *night, seed=4, quotas=True)
    (tmp_path / "p.json").write_text(problem.dumps())
    asked = read_problem(tmp_path / "p.json")
    for search in (None, Search(3)):
        made = asked.plan(search)
        assert evaluate(problem, asked.rows(made), step=120.0).violations == []
        assert len(made.placed) > 20


@BOTH
def test_a_group_is_placed_whole_or_not_at_all(search: Search | None) -> None:
    sky, blocks = _full()
    never = Block("N", 0.0, -85.0, 600.0, priority=5, group="g")
    groups = [replace(b, group=f"g{k % 12}") if k < 36 else b for k, b in enumerate(blocks)]
    alone = Block("A", blocks[3].ra_deg, blocks[3].dec_deg, 300.0, priority=5, group="g")
    made = _night(sky, [*groups, never, alone], search)
    placed = {p.id for p in made.placed}
    for name in {b.group for b in groups if b.group}:
        members = {b.id for b in groups if b.group == name}
        assert members <= placed or not members & placed
    assert "A" not in placed
    assert "all or nothing" in next(r.reason for r in made.rejected if r.id == "A")


@BOTH
def test_mandatory_goes_before_everything(search: Search | None) -> None:
    sky, blocks = _full()
    first = _night(sky, blocks, search)
    left_out = next(r.id for r in first.rejected if r.reason.startswith("no room"))
    made = _night(sky, [replace(b, mandatory=b.id == left_out) for b in blocks], search)
    assert left_out in {p.id for p in made.placed}
    if search is not None:
        assert made.bound is not None
        assert made.value <= made.bound < 2 * made.value


@BOTH
def test_a_series_keeps_its_distances(spm: Sky, search: Search | None) -> None:
    series = [
        Block(k, 60.0, 30.0, 300.0, priority=3, after=k - 1 if k else None, gap_s=(1800.0, 2400.0)) for k in range(5)
    ]
    others = [Block(f"o{k}", 50.0 + 3 * k, 25.0, 900.0, priority=2) for k in range(25)]
    made = _night(spm, [*series, *others], search)
    at = {p.id: p.start_unix_s for p in made.placed}
    length = next((k for k in range(5) if k not in at), 5)
    assert length >= (5 if search is None else 2)
    assert not any(k in at for k in range(length, 5))
    for k in range(1, length):
        assert 1800.0 - 1e-3 <= at[k] - at[k - 1] <= 2400.0 + 1e-3


def test_what_follows_nothing_is_refused(spm: Sky) -> None:
    lost = Block(1, 60.0, 30.0, 300.0, after=9)
    with pytest.raises(ValueError, match="block 1 is to follow block 9, which is not there"):
        _night(spm, [lost], None)
    ring = [Block(1, 60.0, 30.0, 300.0, after=2), Block(2, 60.0, 30.0, 300.0, after=1)]
    with pytest.raises(ValueError, match="in a circle"):
        _night(spm, ring, None)
    never = [Block(1, 60.0, -85.0, 300.0), Block(2, 60.0, 30.0, 300.0, after=1)]
    reasons = {r.id: r.reason for r in _night(spm, never, None).rejected}
    assert reasons[2] == "follows 1, which has no place"


def test_an_empty_night_is_used_at_its_best(spm: Sky) -> None:
    block = Block(1, 75.0, 31.0, 600.0, priority=1)
    made = _night(spm, [block], Search(5))
    middle = (made.placed[0].start_unix_s + made.placed[0].end_unix_s) / 2
    highest = spm.altitudes_deg(spm.directions(75.0, 31.0), [middle])[0, 0]
    assert highest > 85.0
    liked = spm.midnight_unix_s - 3 * 3600.0
    soon = _night(spm, [replace(block, preferred_unix_s=liked)], Search(5))
    assert abs(soon.placed[0].start_unix_s - liked) < 3600.0


def test_nothing_starts_before_the_telescope_can_be_there(spm: Sky) -> None:
    block = Block(1, 60.0, 60.0, 600.0, filters=("r",))
    away = _night(spm, [block], None, pointing=Pointing(60.0, 0.0, "g"))
    there = _night(spm, [block], None, pointing=Pointing(60.0, 60.0, "r"))
    assert there.placed[0].start_unix_s - spm.night.dusk_unix_s == pytest.approx(5.0, abs=0.01)
    assert away.placed[0].start_unix_s - there.placed[0].start_unix_s == pytest.approx(30.0 + 10.0, abs=0.05)


@BOTH
def test_what_the_telescope_reaches_too_late_is_refused_and_the_rest_planned(spm: Sky, search: Search | None) -> None:
    dusk = spm.night.dusk_unix_s
    closing = Block("closing", 60.0, 60.0, 600.0, filters=("r",), window=(dusk, dusk + 605.0))
    other = Block("other", 60.0, 30.0, 600.0)
    there = _night(spm, [closing, other], search, pointing=Pointing(60.0, 60.0, "r"))
    assert [p.id for p in there.placed] == ["closing", "other"]
    away = _night(spm, [closing, other], search, pointing=Pointing(60.0, 0.0, "r"))
    assert [p.id for p in away.placed] == ["other"]
    assert re.fullmatch(
        r"had to begin by \d\d:\d\d UTC, the telescope can't be there before \d\d:\d\d", away.rejected[0].reason
    )


def test_a_transition_in_whole_numbers(spm: Sky) -> None:
    blocks = [Block(k, 60.0, 30.0, 600.0) for k in range(3)]
    night = spm.night
    limits = {"start_unix_s": night.dusk_unix_s, "end_unix_s": night.dawn_unix_s}
    for search in (None, Search(2)):
        assert len(plan(blocks, spm, Transition(2, 5, 10), **limits, search=search).placed) == 3
