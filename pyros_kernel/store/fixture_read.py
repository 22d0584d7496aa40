"""Read a fixture and check all of it against the models, before the store is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from sqlalchemy import Column

from pyros_kernel.store.base import Base
from pyros_kernel.store.errors import FixtureError
from pyros_kernel.store.fixture_model import MODELS, columns_of, decode, decode_integer, label_of


@dataclass(frozen=True, slots=True)
class FixtureObject:
    """One object of a fixture, checked.

    :param place: file, index and label, as an error message begins
    :param values: column name → value, every column of the model
    """

    place: str
    model: type[Base]
    pk: int
    values: dict[str, Any]


def read(source: Path | str) -> list[FixtureObject]:
    """Read and check a fixture.

    :param source: a file's path, or the JSON text itself (it begins with ``[``)
    :raises FixtureError: naming file, object and field
    """
    name, text = _text(source)
    try:
        data = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise FixtureError(f"{name}: not JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise FixtureError(f"{name}: not a fixture: {error}") from error
    if not isinstance(data, list):
        raise FixtureError(f"{name}: a fixture is a list of objects, this is {type(data).__name__}")
    seen: dict[tuple[type[Base], int], str] = {}
    objects: list[FixtureObject] = []
    for index, entry in enumerate(cast("list[Any]", data)):
        item = _object(f"{name}: object {index}", entry)
        key = (item.model, item.pk)
        if key in seen:
            raise FixtureError(f"{item.place}: pk: already used by {seen[key]}")
        seen[key] = f"object {index}"
        objects.append(item)
    return objects


def _text(source: Path | str) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip().startswith(("[", "{")):
        return "fixture", source
    try:
        return str(source), Path(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FixtureError(f"{source}: not UTF-8 text: {error}") from error
    except (OSError, ValueError) as error:
        raise FixtureError(f"{str(source)[:200]}: can't be read: {error}") from error


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is given twice in one object")
    return result


def _object(place: str, entry: Any) -> FixtureObject:
    if not isinstance(entry, dict):
        raise FixtureError(f"{place}: must be an object, not {entry!r:.80}")
    item = cast("dict[str, Any]", entry)
    if unknown := item.keys() - {"model", "pk", "fields"}:
        raise FixtureError(f"{place}: {min(unknown)}: unknown; an object has model, pk and fields")
    label = item.get("model")
    model = MODELS.get(label.lower()) if isinstance(label, str) else None
    if model is None:
        raise FixtureError(f"{place}: model: {label!r:.80} is unknown; known are {', '.join(MODELS)}")
    place = f"{place} ({label_of(model)} {item.get('pk')!r:.40})"
    try:
        pk = decode_integer(item.get("pk"))
    except ValueError as error:
        raise FixtureError(f"{place}: pk: {error}") from error
    if pk < 1:
        raise FixtureError(f"{place}: pk: must be 1 or more")
    fields = item.get("fields")
    if not isinstance(fields, dict):
        raise FixtureError(f"{place}: fields: must be an object, not {fields!r:.80}")
    return FixtureObject(place, model, pk, _values(place, model, cast("dict[str, Any]", fields)))


def _values(place: str, model: type[Base], fields: dict[str, Any]) -> dict[str, Any]:
    columns = columns_of(model)
    if unknown := fields.keys() - columns.keys():
        raise FixtureError(f"{place}: {min(unknown)}: unknown field; known are {', '.join(columns)}")
    values: dict[str, Any] = {}
    for name, column in columns.items():
        try:
            values[column.name] = decode(column, fields[name]) if name in fields else _default(column)
        except ValueError as error:
            raise FixtureError(f"{place}: {name}: {error}") from error
    return values


def _default(column: Column[Any]) -> Any:
    default = column.default
    if default is None:
        if column.nullable:
            return None
        raise ValueError("is missing")
    value: Any = default.arg  # type: ignore[attr-defined]
    return value(None) if callable(value) else value
