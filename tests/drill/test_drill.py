"""The drill in its short form, and its table."""

from __future__ import annotations

import pytest

from drill.__main__ import run
from drill.measured import Measured, table


@pytest.mark.timeout(180)
def test_each_promise_is_held_in_the_short_form() -> None:
    found = run(kills=1, nights=0, busy=1, hold_s=5, seed=1)
    assert len(found) == 7
    assert all(measured.held for measured in found), table(found)


def test_the_table_names_what_was_not_held() -> None:
    held = Measured("one", 2.0, [0.5, 1.5], runs=2)
    late = Measured("two", 2.0, [0.5, 2.5], runs=2)
    violated = Measured("three", violations=["the dome is open"], runs=1)
    never_tried = Measured("four")
    text = table([held, late, violated, never_tried])
    assert [line.split()[-1] for line in text.splitlines()[2:6]] == ["held", "HELD", "HELD", "HELD"]
    assert text.count("NOT HELD") == 3
    assert "1.50 s" in text and "! three: the dome is open" in text
