"""Which recipe a sequence asks for, and what it is given; what is wrong is refused when it is loaded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from astropy import units as u

from pyros_kernel.recipes import BadArgument, Target, why_unusable
from pyros_kernel.recipes.asked import Asked, AskedPlan, recipe_for
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Channel, FixtureError, Sequence, Store, Strategy, load

M31 = Target("M 31", 10.6847, 41.2688)
ONE = {Channel.VIS: (AskedPlan(1, "r", 30.0, 4),), Channel.NIR: (AskedPlan(2, "J", 30.0, 4),)}
NIGHT = ROOT / "fixtures" / "night_2022-09-29.json"


def asked(recipe: str, albums: Any = ONE, **parameters: Any) -> Asked:
    return Asked(recipe, parameters, M31, albums)


def test_target_and_plans_fill_what_the_recipe_asks_for() -> None:
    recipe, given = recipe_for(asked("time_series", every="1 min"))
    assert recipe.name == "time_series"
    read = recipe.read(given, None)
    assert read == {
        "target": M31, "exposure": 30 * u.s, "count": 4, "vis_filter": "r", "nir_filter": "J", "every": 1 * u.min,
    }  # fmt: skip
    assert recipe_for(asked("pointing_run", {Channel.VIS: ONE[Channel.VIS]}))[1]["points"] == 4
    assert recipe_for(asked("mosaic", {Channel.VIS: ONE[Channel.VIS]}))[1]["nir_filter"] == "", "no plans, no frames"
    several = {Channel.VIS: (*ONE[Channel.VIS], AskedPlan(3, "g", 60.0, 1))}
    assert recipe_for(asked("observe", several, dither="5 arcsec"))[1] == {"target": M31, "dither": "5 arcsec"}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (asked("obsrve"), "there is no recipe 'obsrve' here; there are"),
        (asked("take_bias"), "take_bias does not look at the sky"),
        (asked("observe_sequence"), "observe_sequence does not look at the sky"),
        (asked("mosaic", exposure="3 s"), "exposure: the sequence's target and plans say that"),
        (
            asked("mosaic", {Channel.VIS: (*ONE[Channel.VIS], AskedPlan(3, "g", 30.0, 4))}),
            "one filter on VIS, and the sequence's plans have r and g",
        ),
        (
            asked("mosaic", {**ONE, Channel.NIR: (AskedPlan(2, "J", 60.0, 4),)}),
            "one exposure time, and the sequence's plans have 30.0 and 60.0",
        ),
        (asked("time_series", {}), "one exposure time, and the sequence's plans have none"),
    ],
)
def test_what_does_not_go_together_is_refused(wrong: Asked, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        recipe_for(wrong)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"recipe": "obsrve"}, "recipe: there is no recipe 'obsrve'"),
        ({"recipe": "mosaic", "parameters": {"columns": 0.5}}, "recipe: columns: 0.5 is no whole number"),
        ({"recipe": "mosaic", "parameters": {"colums": 2}}, "recipe: recipe mosaic has no parameter colums"),
        ({"recipe": "observe", "parameters": {"dither": "5"}}, "recipe: dither: '5' has no unit"),
        ({"parameters": ["2"]}, "parameters: must be an object"),
    ],
)
def test_a_fixture_is_refused_with_its_object_and_the_reason(store: Store, fields: dict[str, Any], why: str) -> None:
    objects = json.loads(NIGHT.read_text(encoding="utf-8"))
    m31 = next(o for o in objects if o["model"] == "common.sequence" and o["pk"] == 1007)
    m31["fields"] |= fields
    with pytest.raises(FixtureError, match=r"common.sequence 1007") as refused:
        load(store, json.dumps(objects), why_unusable)
    assert why in str(refused.value)
    with store.session(read_only=True) as session:
        assert session.get(Sequence, 1007) is None, "and nothing of it was loaded"


def test_a_strategy_is_refused_too(store: Store) -> None:
    objects = json.loads((ROOT / "fixtures" / "initial_fixture.json").read_text(encoding="utf-8"))
    assert load(store, json.dumps(objects), why_unusable) == len(objects)
    wide = next(o for o in objects if o["fields"].get("name") == "wide")
    wide["fields"]["observation"]["parameters"] = {"overlap": "half"}
    with pytest.raises(FixtureError, match="overlap: 'half' is no number"):
        load(store, json.dumps(objects), why_unusable)
    assert why_unusable(Strategy(observation={"albums": 7})).startswith("recipe: observation: not understood")
