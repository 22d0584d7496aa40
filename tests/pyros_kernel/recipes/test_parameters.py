"""What a signature becomes: fields, a form, arguments from text and JSON, and back."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.recipes import BadArgument, Steps, Target, recipe
from pyros_kernel.recipes.parameters import fields_of, read_arguments, to_json
from pyros_kernel.recipes.target import find_target
from pyros_kernel.store import Store

Angle = u.Quantity["angle"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def sample(
    steps: Steps,
    target: Target,
    exposure: Annotated[u.Quantity, u.s],
    radius: Angle = 1 * u.arcmin,
    count: int = 3,
    level: float = 0.5,
    deep: bool = False,
    colour: Colour = Colour.RED,
    mode: Literal["fast", "slow"] = "fast",
    filters: tuple[str, ...] = ("g", "r"),
    note: str | None = None,
    at: Time | None = None,
    centre: SkyCoord | None = None,
) -> None:
    """Sample everything.

    :param target: where
        to look
    :param exposure: of each frame
    """


FIELDS = fields_of(sample)


def test_the_form_says_what_a_widget_needs() -> None:
    form = {field["name"]: field for field in (f.describe() for f in FIELDS)}
    assert list(form)[:3] == ["target", "exposure", "radius"]
    assert form["target"] | {"help": ""} == {
        "name": "target", "kind": "target", "help": "", "unit": "", "choices": [],
        "required": True, "optional": False, "default": None,
    }  # fmt: skip
    assert form["target"]["help"] == "where to look"
    assert (form["exposure"]["kind"], form["exposure"]["unit"]) == ("quantity", "s")
    assert (form["radius"]["unit"], form["radius"]["default"]) == ("deg", "1.0 arcmin")
    assert (form["colour"]["choices"], form["colour"]["default"]) == (["red", "blue"], "red")
    assert form["mode"]["choices"] == ["fast", "slow"]
    assert form["note"]["optional"] and not form["note"]["required"]
    json.dumps(list(form.values()))


def test_text_and_json_give_the_same_arguments(store: Store) -> None:
    text: dict[str, Any] = {
        "target": "m31", "exposure": "30s", "radius": "0.5 deg", "count": "4", "level": "1e3", "deep": "yes",
        "colour": "BLUE", "mode": "slow", "filters": "g, i", "note": "", "at": "2022-09-30T08:00:00",
        "centre": "10.5 41.0",
    }  # fmt: skip
    read = read_arguments(FIELDS, text, store, name="sample")
    assert read["target"].name == "M 31" and read["exposure"] == 30 * u.s and read["count"] == 4
    assert read["deep"] is True and read["colour"] is Colour.BLUE and read["filters"] == ("g", "i")
    assert read["note"] is None and read["at"].isot.startswith("2022-09-30T08")
    assert read["centre"].ra.deg == pytest.approx(10.5)
    plain = json.loads(json.dumps({name: to_json(value) for name, value in read.items()}))
    again = read_arguments(FIELDS, plain, store, name="sample")
    assert {name: to_json(value) for name, value in again.items()} == plain


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("exposure", "30", "has no unit"),
        ("exposure", 30, "has no unit"),
        ("exposure", "30 m", "not in a unit like s"),
        ("exposure", "nan s", "finite"),
        ("exposure", "long", "is no quantity"),
        ("count", "2.5", "is no integer"),
        ("count", True, "no whole number"),
        ("deep", "perhaps", "neither yes nor no"),
        ("colour", "green", "none of red, blue"),
        ("mode", "medium", "none of fast, slow"),
        ("target", "Nowhere", "no target 'Nowhere'"),
        ("target", "400 10", "no target"),
        ("target", None, "a value is needed"),
        ("at", "yesterday", "is no time"),
        ("level", "inf", "no number"),
    ],
)
def test_a_bad_argument_is_named_with_what_would_do(name: str, value: object, says: str) -> None:
    given = {"target": "Vega", "exposure": "1 s", name: value}
    with pytest.raises(BadArgument, match=says) as caught:
        read_arguments(FIELDS, given, None, name="sample")
    assert name in str(caught.value)


def test_missing_and_unknown_arguments_are_named() -> None:
    with pytest.raises(BadArgument, match="sample needs exposure"):
        read_arguments(FIELDS, {"target": "Vega"}, None, name="sample")
    with pytest.raises(BadArgument, match="no parameter expo; it has"):
        read_arguments(FIELDS, {"expo": "3 s"}, None, name="sample")


def test_a_function_that_no_form_could_ask_for_is_no_recipe() -> None:
    def untyped(steps: Steps, many) -> None: ...  # type: ignore[no-untyped-def]
    def strange(steps: Steps, many: dict[str, int]) -> None: ...
    def open_ended(steps: Steps, *many: int) -> None: ...
    def bare() -> None: ...

    for function in (untyped, strange, open_ended, bare):
        with pytest.raises(TypeError, match=function.__name__):
            recipe(function)


@given(st.floats(1e-6, 1e9), st.sampled_from(["s", "min", "h", "d"]))
def test_a_quantity_survives_json(value: float, unit: str) -> None:
    (field,) = [f for f in FIELDS if f.name == "exposure"]
    quantity = value * u.Unit(unit)
    assert field.read(json.loads(json.dumps(to_json(quantity)))) == quantity


@given(st.floats(0, 359.99), st.floats(-90, 90))
def test_decimal_coordinates_are_read_as_they_were_written(ra_deg: float, dec_deg: float) -> None:
    found = find_target(f"{ra_deg:.8f} {dec_deg:+.8f}", None)
    assert (found.ra_deg, found.dec_deg) == (pytest.approx(ra_deg, abs=1e-6), pytest.approx(dec_deg, abs=1e-6))


@given(st.text(max_size=30))
def test_any_text_is_a_target_or_is_refused_in_words(text: str) -> None:
    try:
        found = find_target(text, None)
    except BadArgument as error:
        assert "coordinates" in str(error)
    else:
        assert 0 <= found.ra_deg <= 360 and -90 <= found.dec_deg <= 90


def test_names_come_from_the_store_first_then_from_bright_objects(store: Store) -> None:
    assert find_target("sirius", store).ra_deg == pytest.approx(101.287, abs=0.01)
    assert find_target("00:42:44.3 +41:16:09", store).ra_deg == pytest.approx(10.6846, abs=0.001)


def test_a_target_moves_on_the_sky_and_not_in_right_ascension() -> None:
    there = Target("x", 10.0, 60.0).moved(3600, 0)
    assert there.coord.separation(Target("x", 10.0, 60.0).coord).deg == pytest.approx(1.0, abs=1e-6)
    assert there.ra_deg == pytest.approx(12.0, abs=0.01) and there.name == "x"
