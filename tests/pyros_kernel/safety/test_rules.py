"""The rule table: what it refuses, and what each rule says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.safety import Rule, RuleError, Safety, read_rules
from pyros_kernel.safety.reference import page
from pyros_kernel.settings import ROOT

HUMIDITY = Rule("humidity", 60, 900, "close", "dew", unit="%", unsafe_above=85, safe_below=80)


def test_the_table_that_pyros_brings_covers_rain_wind_and_power() -> None:
    rules = {rule.quantity: rule for rule in read_rules()}
    assert rules["rain"].consequence == "close_now"
    assert {"wind_speed", "wind_gust", "humidity", "cloud", "mains", "emergency_stop"} <= set(rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rule"),
        ("[[rule]\n", "not TOML"),
        ('[[rule]]\nquantity = "x"\n', "rule 1"),
        ('[[rule]]\nquantity="x"\nmax_age_s=1\nreopen_s=0\nconsequence="close"\nwhy=""\n', "exactly one of"),
        ('[[rule]]\nquantity="x"\nmax_age_s=1\nreopen_s=0\nconsequence="shout"\nwhy=""\nunsafe_if=true\n', "'shout'"),
        ('[[rule]]\nquantity="x"\nmax_age_s=0\nreopen_s=0\nconsequence="close"\nwhy=""\nunsafe_if=true\n', "max_age_s"),
        ('[[rule]]\nquantity="x"\ncolour="red"\n', "unknown field colour"),
        (
            '[[rule]]\nquantity="x"\nmax_age_s=1\nreopen_s=0\nconsequence="close"\nwhy=""\nunsafe_above=5\nsafe_below=6\n',
            "safe_below lies above",
        ),
        (
            '[[rule]]\nquantity="x"\nmax_age_s=1\nreopen_s=0\nconsequence="close"\nwhy=""\nunsafe_above=-5\nsafe_below=0\n',
            "safe_below lies above",
        ),
    ],
)
def test_a_bad_table_is_refused_with_rule_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(RuleError, match=said) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)


@given(value=st.floats(allow_nan=True, allow_infinity=True), was_unsafe=st.booleans())
def test_a_limit_with_hysteresis_holds_for_every_number(value: float, was_unsafe: bool) -> None:
    safety, text = HUMIDITY.judge(value, was_unsafe)
    if value != value or value in (float("inf"), float("-inf")):
        assert safety is Safety.UNKNOWN
    else:
        assert (safety is Safety.SAFE) == (value <= (80 if was_unsafe else 85))
    assert "humidity" in text


def test_a_low_limit_works_downwards() -> None:
    rule = Rule("temperature", 60, 0, "close", "grease", unit="°C", unsafe_below=-15, safe_above=-13)
    assert rule.judge(-16, False)[0] is Safety.UNSAFE
    assert rule.judge(-14, False)[0] is Safety.SAFE
    assert rule.judge(-14, True)[0] is Safety.UNSAFE
    assert rule.judge(-12.9, True)[0] is Safety.SAFE


def test_a_contact_can_be_unsafe_either_way() -> None:
    mains = Rule("mains", 60, 0, "close", "power", unsafe_if=False)
    assert mains.judge(False, False)[0] is Safety.UNSAFE
    assert mains.judge(True, False)[0] is Safety.SAFE


def test_a_switch_in_place_of_a_number_is_unknown() -> None:
    assert HUMIDITY.judge(True, False)[0] is Safety.UNKNOWN


def test_the_page_of_the_rules_is_made_from_them() -> None:
    written = (ROOT / "docs" / "reference" / "safety-rules.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m pyros_kernel.safety.reference > docs/reference/safety-rules.md`"
