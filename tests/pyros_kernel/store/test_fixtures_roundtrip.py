"""Random objects of every model: dumped and loaded, they come back the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Boolean, Column, Enum, Float, Integer, String

from pyros_kernel.store import Base, Store, dump, load
from pyros_kernel.store.base import UtcDateTime

Row = dict[str, Any]
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def _value(column: Column[Any]) -> st.SearchStrategy[Any]:
    kind = column.type
    if isinstance(kind, Enum):
        enum: type[StrEnum] = kind.enum_class  # type: ignore[assignment]
        return st.sampled_from([m.value for m in enum])
    if isinstance(kind, Boolean):
        return st.booleans()
    if isinstance(kind, Integer):
        return st.integers(-(2**31) + 1, 2**31 - 1)
    if isinstance(kind, Float):
        return st.floats(allow_nan=False, allow_infinity=False)
    if isinstance(kind, JSON):
        return st.dictionaries(st.text(CHARACTERS, max_size=5), JSON_VALUES, max_size=3)
    if isinstance(kind, UtcDateTime):
        moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
        return moments.map(datetime.isoformat)
    assert isinstance(kind, String), kind
    return st.text(CHARACTERS, max_size=min(kind.length or 12, 12))


@st.composite
def graphs(draw: st.DrawFn) -> list[Row]:
    """Draw objects of every model that refer to each other at will, in any order."""
    keys: dict[str, list[int]] = {}
    for table in Base.metadata.sorted_tables:
        required = [k.column.table.name for k in table.foreign_keys if not k.parent.nullable]
        most = 3 if all(keys.get(name) for name in required) else 0
        keys[table.name] = draw(st.lists(st.integers(1, 2**31 - 1), max_size=most, unique=True))
        if table.name == "placed_sequence" and most:  # each is in the schedule of its number: a pair comes once
            keys[table.name] = keys["schedule"]
    objects: list[Row] = []
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        for pk in keys[table.name]:
            fields: Row = {}
            for column in table.columns:
                if column.primary_key:
                    continue
                if column.foreign_keys:
                    target = next(iter(column.foreign_keys)).column.table.name
                    value = st.sampled_from(keys[target]) if keys[target] else st.none()
                    name = column.name.removesuffix("_id")
                else:
                    value, name = _value(column), column.name
                fields[name] = draw(st.none() | value if column.nullable else value)
                if column.unique:
                    fields[name] = f"{pk}:{fields[name][:4]}"
            if table.name == "recipe_step":  # a run has a step of a name once
                fields["name"] = f"{pk}:{fields['name'][:4]}"
            if table.name == "alert":
                fields["digest"] = str(pk)
            if table.name == "placed_sequence":
                fields["schedule"] = pk
            if table.name == "schedule":  # of a night, one is current
                fields["status"] = "superseded"
            label = f"{mapper.class_.group}.{mapper.class_.__name__}"
            objects.append({"model": label, "pk": pk, "fields": fields})
    random.Random(draw(st.integers(0, 99))).shuffle(objects)
    return objects


def _normal(objects: list[Row]) -> dict[tuple[str, int], Row]:
    return {(o["model"].lower(), o["pk"]): o["fields"] for o in objects}


def _purge(store: Store) -> None:
    with store.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('roundtrip') / Path('pyros.sqlite')}")
    yield store
    store.close()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=graphs(), second=graphs())
def test_round_trip(bare: Store, first: list[Row], second: list[Row]) -> None:
    _purge(bare)
    load(bare, json.dumps(first))
    dumped = dump(bare, [], indent=1)
    assert _normal(json.loads(dumped)) == _normal(first)

    load(bare, dumped)
    assert dump(bare, [], indent=1) == dumped  # twice is the same as once

    _purge(bare)
    load(bare, dumped)
    assert dump(bare, [], indent=1) == dumped  # an empty store gets the same objects

    load(bare, json.dumps(second))  # into a filled one: the old objects stay, unless replaced
    assert _normal(json.loads(dump(bare, []))) == _normal(first) | _normal(second)
