"""The interpreter's switch interval is as short as the most hurried needs it, and as it was when nobody does."""

from __future__ import annotations

import sys

import pytest

from pyros_kernel.alerts.interpreter_lock import HURRIED_S, WAITING_S, claim, hurried, release


def test_claims_may_end_in_any_order() -> None:
    usual_s = sys.getswitchinterval()
    claim(WAITING_S)
    assert sys.getswitchinterval() == pytest.approx(WAITING_S)
    with pytest.raises(KeyError), hurried:
        with hurried:
            assert sys.getswitchinterval() == pytest.approx(HURRIED_S)
        assert sys.getswitchinterval() == pytest.approx(HURRIED_S)
        release(WAITING_S)
        assert sys.getswitchinterval() == pytest.approx(HURRIED_S)
        raise KeyError
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_a_longer_interval_than_the_usual_one_is_not_taken() -> None:
    usual_s = sys.getswitchinterval()
    claim(10 * usual_s)
    assert sys.getswitchinterval() == pytest.approx(usual_s)
    release(10 * usual_s)
    assert sys.getswitchinterval() == pytest.approx(usual_s)
