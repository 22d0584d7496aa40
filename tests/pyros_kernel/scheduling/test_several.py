"""Series, parts, phases, focus runs, grades and forecasts, as a neutral look at the plan finds them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pyros_kernel.scheduling import Block, Conditions, Plan, Replanner, Search, Sky, Transition, plan
from pyros_kernel.scheduling.constraints import SeeingBelow
from pyros_kernel.scheduling.events import Forecast, Lost
from pyros_kernel.scheduling.several import at_phases, focus_runs, in_parts, series

WAY = Transition(2.0, 5.0, 10.0)


def _planned(sky: Sky, blocks: list[Block], search: Search | None = None) -> Plan:
    night = sky.night
    return plan(blocks, sky, WAY, start_unix_s=night.dusk_unix_s, end_unix_s=night.dawn_unix_s, search=search)


def _target(sky: Sky, **more: object) -> Block:
    """Give a target that culminates at midnight."""
    x, y, _ = sky.earth.to_cirs.T @ sky.zenith(sky.midnight_unix_s)
    ra = float(np.degrees(np.arctan2(y, x))) % 360.0
    return Block("T", ra, float(sky.location.lat.deg), **({"duration_s": 600.0, "priority": 2.0} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("search", [None, Search(12)])
def test_a_series_keeps_its_gaps(spm: Sky, search: Search | None) -> None:
    made = _planned(spm, series(_target(spm), 4, 1800.0, 3600.0), search)
    starts = {str(p.id): p.start_unix_s for p in made.placed}
    assert set(starts) == {"T", "T/2", "T/3", "T/4"}
    for a, b in pairwise(("T", "T/2", "T/3", "T/4")):
        assert 1800.0 - 1e-3 <= starts[b] - starts[a] <= 3600.0 + 1e-3
    with pytest.raises(ValueError, match="no series"):
        series(_target(spm), 3, 0.0, 10.0)


def test_phases_are_met(spm: Sky) -> None:
    period, epoch = 7200.0, spm.midnight_unix_s
    made = _planned(spm, at_phases(_target(spm), period, epoch, [(0.0, 0.2), (0.9, 0.1), (0.5, 0.6)]), Search(12))
    assert len(made.placed) == 3
    for p in made.placed:
        a, b = ((t - epoch) / period % 1.0 for t in (p.start_unix_s, p.end_unix_s))
        first, last = {"T/1": (0.0, 0.2), "T/2": (0.9, 0.1), "T/3": (0.5, 0.6)}[str(p.id)]
        for phase in (a, b):
            assert (phase - first + 1e-6) % 1.0 <= (last - first) % 1.0 + 2e-6


def test_what_is_too_long_is_placed_in_parts(spm: Sky) -> None:
    night = spm.night
    long = _target(spm, duration_s=9000.0)
    noon = (night.dusk_unix_s + night.dawn_unix_s) / 2
    limits = {"start_unix_s": noon - 6000.0, "end_unix_s": noon + 6000.0, "blocked": [(noon - 600.0, noon + 600.0)]}
    assert not plan([long], spm, WAY, **limits).placed
    parts = in_parts(long, 3000.0, 60.0)
    assert sum(p.worth for p in parts) == pytest.approx(long.worth)
    assert sum(p.duration_s - 60.0 for p in parts) == pytest.approx(long.duration_s - 60.0)
    assert len(plan(parts, spm, WAY, **limits).placed) >= 2
    assert in_parts(_target(spm), 3000.0, 60.0) == [_target(spm)]
    limits["end_unix_s"] -= 3000.0
    assert len(plan(in_parts(long, 6000.0, 60.0), spm, WAY, **limits).placed) == 1
    assert not plan(in_parts(long, 6000.0, 60.0, whole=True), spm, WAY, **limits).placed
    with pytest.raises(ValueError, match="leave nothing"):
        in_parts(long, 50.0, 60.0)


@pytest.mark.parametrize("search", [None, Search(6)])
def test_the_focus_is_found_again_and_again(spm: Sky, search: Search | None) -> None:
    night = spm.night
    runs = focus_runs(spm, night.dusk_unix_s, night.dawn_unix_s, 7200.0, 300.0)
    science = [_target(spm, value=1e5, duration_s=1500.0)] + [
        Block(k, 15.0 * k, 20.0, 1200.0, priority=3) for k in range(24)
    ]
    made = _planned(spm, [*science, *runs], search)
    placed = {p.id: p for p in made.placed}
    assert all(r.id in placed for r in runs)
    for r in runs:
        assert r.window is not None
        assert r.window[0] <= placed[r.id].start_unix_s + 1e-6
        assert placed[r.id].end_unix_s <= r.window[1] + 1e-6
    assert len(placed) > len(runs)


def test_the_grade_decides_between_equals(spm: Sky) -> None:
    t = spm.midnight_unix_s
    pair = [_target(spm, window=(t, t + 700.0), grade=g) for g in ("C", "A")]
    made = _planned(spm, [replace(pair[0], id="poor"), replace(pair[1], id="rich")], Search(4))
    assert [p.id for p in made.placed] == ["rich"]
    assert made.value == pytest.approx(1200.0)
    with pytest.raises(ValueError, match="no grade 'Z'"):
        _target(spm, grade="Z")


def test_a_worse_forecast_moves_what_needs_good_seeing(spm: Sky) -> None:
    t = spm.midnight_unix_s
    night = spm.night
    sharp, any_ = _target(spm, constraints=(SeeingBelow(1.2),)), Block(2, 0.0, 20.0, 900.0, priority=1)
    made = _planned(spm, [sharp, any_])
    assert {p.id for p in made.placed} == {"T", 2}
    replanner = Replanner([sharp, any_], spm, WAY, made)
    before = next(p for p in made.placed if p.id == "T")
    bad = Conditions((before.start_unix_s - 3600.0, t, t + 60.0), (2.0, 2.0, 0.9))
    moved = replanner.replan(night.dusk_unix_s, Forecast(bad))
    assert next(p for p in moved.placed if p.id == "T").start_unix_s >= t
    # Time that was lost stays lost when the forecast changes again.
    replanner.replan(night.dusk_unix_s, Lost(t, t + 7200.0))
    again = replanner.replan(night.dusk_unix_s, Forecast(bad))
    assert all(p.start_unix_s >= t + 7200.0 for p in again.placed if p.id == "T")
    gone = replanner.replan(night.dusk_unix_s, Forecast(Conditions((t,), (3.0,))))
    assert "T" not in {p.id for p in gone.placed}
    assert 2 in {p.id for p in gone.placed}
