"""How a model is written in a fixture: labels, fields, and each kind of value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, Boolean, Column, Enum, Float, Integer, String, Table

from pyros_kernel.store import models
from pyros_kernel.store.base import Base, UtcDateTime

LARGEST_INTEGER = 2**31 - 1


def _models() -> dict[str, type[Base]]:
    """Give label → model, dependencies first."""
    classes = {m.class_.__table__: cast("type[Base]", m.class_) for m in models.Site.registry.mappers}
    ordered = [classes[table] for table in Base.metadata.sorted_tables]
    return {label_of(model): model for model in ordered}


def label_of(model: type[Base]) -> str:
    """Give a model's label.

    :param model: a model, such as ``Site``
    :return: group and lower-case name, such as ``common.site``
    """
    return f"{model.group}.{model.__name__.lower()}"


#: label → model, in an order in which each comes after those it refers to.
MODELS: Mapping[str, type[Base]] = _models()


def table_of(model: type[Base]) -> Table:
    """Give a model's table.

    :param model: a model
    """
    table = model.__table__
    assert isinstance(table, Table)
    return table


def columns_of(model: type[Base]) -> dict[str, Column[Any]]:
    """Give field name → column, without the primary key; a reference ``site_id`` is the field ``site``.

    :param model: a model
    """
    columns = (c for c in table_of(model).columns.values() if not c.primary_key)
    return {c.name.removesuffix("_id") if c.foreign_keys else c.name: c for c in columns}


def target_of(column: Column[Any]) -> type[Base] | None:
    """Give the model that a column refers to, or None.

    :param column: a column of a model
    """
    for key in column.foreign_keys:
        return next(m for m in MODELS.values() if m.__table__ is key.column.table)
    return None


def encode(value: Any) -> Any:
    """Write a column's value as JSON can hold it.

    :param value: what the column holds
    """
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    return value


def decode(column: Column[Any], value: Any) -> Any:
    """Read a column's value.

    :param column: where it shall go
    :param value: what the fixture says
    :raises ValueError: if it doesn't fit, saying what would
    """
    if value is None:
        if not column.nullable:
            raise ValueError("may not be null")
        return None
    kind = column.type
    if column.foreign_keys or isinstance(kind, Integer):
        return decode_integer(value)
    if isinstance(kind, Boolean):
        return _expect(value, bool, "true or false")
    if isinstance(kind, Float):
        return _decode_float(value)
    if isinstance(kind, UtcDateTime):
        return _decode_time(value)
    if isinstance(kind, Enum):
        return _decode_enum(kind, value)
    if isinstance(kind, JSON):
        return _expect(value, dict, "an object")
    assert isinstance(kind, String), kind
    return _decode_text(kind, value)


def decode_integer(value: Any) -> int:
    """Read a whole number that every database can hold.

    :param value: what the fixture says
    :raises ValueError: if it isn't one
    """
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_INTEGER:
        raise ValueError(f"must be a whole number up to {LARGEST_INTEGER}, not {value!r:.80}")
    return value


def _expect(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"must be {name}, not {value!r:.80}")
    return value


def _decode_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {value!r:.80}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _decode_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_expect(value, str, "a time"))
    except ValueError as error:
        raise ValueError(f"must be a time such as 2026-11-22T03:00:00+00:00, not {value!r:.80}") from error
    if moment.tzinfo is None:
        raise ValueError(f"must be a time with its zone, such as {value}+00:00")
    return moment


def _decode_enum(kind: Enum, value: Any) -> StrEnum:
    enum = cast("type[StrEnum]", kind.enum_class)
    try:
        return enum(value)
    except ValueError as error:
        raise ValueError(f"must be one of {', '.join(enum)}, not {value!r:.80}") from error


def _decode_text(kind: String, value: Any) -> str:
    text = _expect(value, str, "a text")
    if kind.length is not None and len(text) > kind.length:
        raise ValueError(f"must be at most {kind.length} characters long, not {len(text)}")
    if "\0" in text:
        raise ValueError("must not hold a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"must be valid Unicode ({error.reason})") from error
    return text
