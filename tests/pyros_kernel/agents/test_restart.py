"""Patience: each restart waits longer, and too many in a while are enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.agents.restart import Patience, RestartPolicy


def test_the_waits_double_and_then_it_gives_up() -> None:
    patience, waits = Patience(RestartPolicy()), []
    now_s = 1000.0
    while (wait_s := patience.wait_s(now_s)) is not None:
        waits.append(wait_s)
        now_s += wait_s
        patience.note(now_s)
    assert waits == [1, 2, 4, 8, 16]
    assert patience.wait_s(now_s + 590) is not None  # the first is ten minutes old by then
    assert Patience(RestartPolicy(limit=20)).wait_s(0) == 1


@given(
    st.lists(st.floats(0, 1000), max_size=40),
    st.integers(1, 10),
    st.floats(0.1, 10),
    st.floats(10, 100),
    st.floats(1, 2000),
)
def test_never_more_than_the_limit_in_any_window(
    gaps: list[float], limit: int, first_s: float, longest_s: float, window_s: float
) -> None:
    patience = Patience(RestartPolicy(first_s, longest_s, limit, window_s))
    now_s, restarts = 0.0, []
    for gap_s in gaps:
        now_s += gap_s
        wait_s = patience.wait_s(now_s)
        recent = [t for t in restarts if now_s - t <= window_s]
        if wait_s is None:
            assert len(recent) == limit
        else:
            assert len(recent) < limit
            assert first_s <= wait_s <= longest_s
            patience.note(now_s)
            restarts.append(now_s)
