"""Write objects of the store as a fixture: a JSON list that :func:`pyros_kernel.store.load` reads back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from pyros_kernel.store.base import Base
from pyros_kernel.store.errors import FixtureError
from pyros_kernel.store.fixture_model import MODELS, columns_of, encode, label_of
from pyros_kernel.store.store import Store


def dump(store: Store, selectors: Sequence[str], indent: int | None = None) -> str:
    """Write the chosen objects, dependencies first, then by primary key.

    :param store: where they are
    :param selectors: groups (``common``) and single models (``auth.User``), in any case; all if empty
    :param indent: spaces per level; None writes one line
    :return: JSON ``[{"model": "common.site", "pk": 1, "fields": {…}}, …]``
    :raises FixtureError: for an unknown selector, or a value that JSON can't hold
    """
    chosen = _choose(selectors)
    objects: list[dict[str, Any]] = []
    with store.session(read_only=True) as session:
        for model in chosen:
            columns = columns_of(model)
            rows = session.execute(select(model.__table__).order_by(model.__table__.c.id)).mappings()
            objects += [
                {
                    "model": label_of(model),
                    "pk": row["id"],
                    "fields": {name: encode(row[column.name]) for name, column in columns.items()},
                }
                for row in rows
            ]
    try:
        return json.dumps(objects, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError:
        raise FixtureError(f"{_unwritable(objects)} holds a number that is not finite") from None


def _choose(selectors: Sequence[str]) -> list[type[Base]]:
    wanted: set[str] = set()
    groups = {model.group for model in MODELS.values()}
    for selector in selectors or sorted(groups):
        word = selector.lower()
        if word in MODELS:
            wanted.add(word)
        elif word in groups:
            wanted |= {label for label, model in MODELS.items() if model.group == word}
        else:
            known = ", ".join([*sorted(groups), *MODELS])
            raise FixtureError(f"there is nothing called {selector!r} to dump; known are {known}")
    return [model for label, model in MODELS.items() if label in wanted]


def _unwritable(objects: list[dict[str, Any]]) -> str:
    for item in objects:
        for field, value in item["fields"].items():
            try:
                json.dumps(value, allow_nan=False)
            except ValueError:
                return f"{item['model']} {item['pk']}: {field}"
    raise AssertionError("everything could be written")
