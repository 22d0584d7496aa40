"""A drill: instruments break by chance while the observatory runs, and it goes on with them after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyros_kernel import Observatory
from tests.waiting import until

MIDNIGHT = "2022-09-30T08:00:00"
SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"


def test_a_night_becomes_a_drill_and_recovers(tmp_path: Path) -> None:
    obs = Observatory(tmp_path, start=MIDNIGHT, speed=100, fixtures=("night_2022-09-29.json",))
    with obs:
        names = [d.name for d in obs.snapshot().devices]

        def broken() -> list[str]:
            return [d.name for d in obs.snapshot().devices if d.error]

        with pytest.raises(ValueError, match="no fault gremlins; there are refuse"):
            obs.faults(faults=("gremlins",))
        with pytest.raises(ValueError, match="no device balloon; there are"), obs.faults(devices=("balloon",)):
            pass
        links = ("storm", "half_open", "mute", "crash")
        with obs.faults(seed=7, faults=links, every_s=50.0, lasts_s=300.0) as drill:
            until(lambda: len(drill.done) >= 2, "two faults")
        assert {one.device for one in drill.done} <= set(names)
        until(lambda: not broken(), "all devices work again")
        with obs.faults(seed=7, faults=links, every_s=1e9) as drill:
            drill.fault(names[0], "storm")
            until(lambda: names[0] in broken(), "the fault is seen")
            drill.play(SCENARIOS / "shower.json")
        until(lambda: not broken(), "healed at the end of the drill")
    obs.check()
