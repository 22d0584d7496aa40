"""Whether the other side is alive, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments import pulse
from instruments.pulse import Pulse

DEAD_AFTER_S = 1.8


class _Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@given(lives_s=st.lists(st.floats(0.0, 1.7), max_size=20))
def test_a_dead_link_is_seen_after_the_same_time_whatever_came_before(lives_s: list[float]) -> None:
    time, asked = _Time(), list[float]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pulse, "time", time)
        one = Pulse(lambda: asked.append(time.now_s))
        heard_s = time.now_s
        for gap_s in lives_s:  # what the other side says next, by itself or to a heartbeat, before it counts as dead
            heard_s += gap_s
            while one.due_s < heard_s:
                time.now_s = one.due_s
                one.look()
            time.now_s = heard_s
            one.heard()
        asked.clear()
        with pytest.raises(TimeoutError, match="even to a heartbeat"):
            while True:
                time.now_s = one.due_s
                one.look()
    assert time.now_s - heard_s <= DEAD_AFTER_S
    assert len(asked) == 1


def test_a_process_that_slept_does_not_blame_the_other_side() -> None:
    time = _Time()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pulse, "time", time)
        one = Pulse(lambda: None)
        time.now_s = one.due_s
        one.look()
        time.now_s += 3600.0
        one.look()
        assert one.due_s > time.now_s
