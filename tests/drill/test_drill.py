"""The drill in its short form, what judges it, and its table."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from drill.__main__ import SHORT, parts, run
from drill.measured import Measured, table
from drill.nights import killed_nights
from drill.soak import After, flat, slope


@pytest.mark.timeout(180)
def test_each_promise_is_held_in_the_short_form() -> None:
    known = parts(kills=1, nights=1, hold_s=5)
    found = run({name: known[name] for name in SHORT}, seed=1)
    assert len(found) == 7
    assert all(measured.held for measured in found), table(found)


@pytest.mark.timeout(300)
def test_a_killed_night_goes_on_and_has_lost_nothing(tmp_path: Path) -> None:
    again, *others = killed_nights(tmp_path, 2, random.Random(3))
    assert again.runs == 2 and not again.violations, again  # how fast it was is for the drill itself to judge
    assert all(measured.held for measured in others), table(others)


def test_a_part_that_fails_itself_is_told_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(directory: Path, dice: random.Random) -> list[Measured]:
        raise KeyError("outcome")

    def whole(directory: Path, dice: random.Random) -> list[Measured]:
        return [Measured("whole", runs=1)]

    first, second = run({"broken": broken, "whole": whole}, seed=0)
    assert not first.held and first.violations == ["KeyError: 'outcome'"]
    assert second.held
    assert "broken: the drill itself failed" in capsys.readouterr().out


def test_the_table_names_what_was_not_held() -> None:
    held = Measured("one", 2.0, [0.5, 1.5], runs=2)
    late = Measured("two", 2.0, [0.5, 2.5], runs=2)
    violated = Measured("three", violations=["the dome is open"], runs=1)
    never_tried = Measured("four")
    text = table([held, late, violated, never_tried])
    assert [line.split()[-1] for line in text.splitlines()[2:6]] == ["held", "HELD", "HELD", "HELD"]
    assert text.count("NOT HELD") == 3
    assert "1.50 s" in text and "! three: the dome is open" in text


@pytest.mark.parametrize(
    ("mb_a_night", "objects_a_night", "thread", "held"),
    [(0.0, 0, 0, [True, True]), (2.0, 0, 0, [True, False]), (0.0, 3100, 0, [True, False]), (0.0, 0, 1, [False, True])],
)
def test_what_grows_from_night_to_night_is_found_and_one_jump_is_not_growth(
    mb_a_night: float, objects_a_night: int, thread: int, held: list[bool]
) -> None:
    dice = random.Random(0)
    after = [
        After(
            threads=1 + thread * (night == 23),
            descriptors=13,
            objects=260_000 + objects_a_night * night,
            memory_mb=220 + 40 * (night > 2) + mb_a_night * night + dice.uniform(-4, 4) + 9 * (night == 12),
        )
        for night in range(24)
    ]
    assert [measured.held for measured in flat(after)] == held
    assert slope([1.0, 2.0, 3.0, 99.0, 5.0]) == pytest.approx(1.0)
