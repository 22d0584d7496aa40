"""Load a fixture, or what of it is missing, into the store: all of it or nothing, and twice the same as once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Column, String, Table, UniqueConstraint, bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from pyros_kernel.store.base import Base
from pyros_kernel.store.errors import FixtureError
from pyros_kernel.store.fixture_model import MODELS, columns_of, label_of, table_of, target_of
from pyros_kernel.store.fixture_read import FixtureObject, read
from pyros_kernel.store.models import Device, Filter, ScientificProgramme, Site, Strategy, User
from pyros_kernel.store.store import Store

logger = logging.getLogger(__name__)

#: What a night does not change by itself.
_SET_UP = (Site, Device, Filter, ScientificProgramme, Strategy, User)


def load(store: Store, source: Path | str, why_not: Callable[[Base], str] | None = None) -> int:
    """Load a fixture, whatever the order of its objects.

    An object whose primary key exists is replaced: fields the fixture leaves out go back to their defaults.
    Statuses are set as they stand, without a transition.

    :param store: where to
    :param source: a file's path, or the JSON text itself
    :param why_not: says of an object as it stands in the store, with those around it, what rooms above know to be wrong
        with it; empty if nothing is
    :return: number of objects loaded
    :raises FixtureError: naming file, object and field; nothing was changed
    """
    return _load(store, read(source), why_not)


def load_missing(store: Store, source: Path | str, why_not: Callable[[Base], str] | None = None) -> int:
    """Load what of a fixture is not in the store yet; what is there stays as it is, with what the nights made of it.

    :param store: where to
    :param source: a file's path, or the JSON text itself
    :param why_not: as for :func:`load`
    :return: number of objects loaded
    :raises FixtureError: naming file, object and field, also where the store has another object of that primary key;
        nothing was changed
    """
    objects = read(source)
    with store.session(read_only=True) as session:
        missing = [item for item in objects if not _is_there(session, item)]
    return _load(store, missing, why_not)


def _is_there(session: Session, item: FixtureObject) -> bool:
    there = session.get(item.model, item.pk)
    if there is None:
        return False
    name, wanted = getattr(there, "name", None), item.values.get("name")
    if name != wanted:
        raise FixtureError(
            f"{item.place}: the store has another one of that primary key, {name!r}: take a free one, or"
            " another data directory (`pyros loaddata` puts this one in its place)"
        )
    if item.model in _SET_UP and (other := [c for c, value in item.values.items() if getattr(there, c) != value]):
        logger.warning(
            "%s: the store keeps another %s: `pyros loaddata` puts what stands here in its place",
            item.place,
            ", ".join(other),
        )
    return True


def _load(store: Store, objects: list[FixtureObject], why_not: Callable[[Base], str] | None) -> int:
    by_model = {model: [o for o in objects if o.model is model] for model in MODELS.values()}
    with store.session() as session:
        for model, items in by_model.items():
            if items:
                _load_model(session, model, items)
        if why_not is not None:
            _check(session, objects, why_not)
        if session.get_bind().dialect.name == "postgresql":
            _advance_sequences(session, (model for model, items in by_model.items() if items))
    return len(objects)


def _load_model(session: Session, model: type[Base], items: list[FixtureObject]) -> None:
    table = table_of(model)
    columns = columns_of(model)
    targets = {name: target_of(column) for name, column in columns.items()}
    references = {name: (columns[name], target) for name, target in targets.items() if target is not None}
    own = [column for column, target in references.values() if target is model]
    existing = set(session.scalars(select(table.c.id)))
    pks = existing | {item.pk for item in items}
    for name, (column, target) in references.items():
        there = pks if target is model else set(session.scalars(select(table_of(target).c.id)))
        for item in items:
            value = item.values[column.name]
            if value is not None and value not in there:
                raise FixtureError(
                    f"{item.place}: {name}: refers to {label_of(target)} {value}, which is neither in the"
                    " fixture nor in the store"
                )
    _free_unique_values(session, table, existing & {item.pk for item in items})
    for item in items:
        # References within the model are set at the end, when everything they may point to is there.
        values = item.values | {column.name: None for column in own}
        _write(session, table, item, values, item.pk in existing)
    for column in own:
        for item in items:
            if item.values[column.name] is not None:
                _write(session, table, item, {column.name: item.values[column.name]}, exists=True)


def _check(session: Session, objects: list[FixtureObject], why_not: Callable[[Base], str]) -> None:
    session.expire_all()
    for item in objects:
        if wrong := why_not(session.get_one(item.model, item.pk)):
            raise FixtureError(f"{item.place}: {wrong}")


def _write(session: Session, table: Table, item: FixtureObject, values: dict[str, Any], exists: bool) -> None:
    statement = (
        update(table).where(table.c.id == item.pk).values(values)
        if exists
        else insert(table).values({"id": item.pk} | values)
    )
    try:
        session.execute(statement)
    except IntegrityError as error:
        raise FixtureError(f"{item.place}: clashes with another object: {error.orig}") from error
    except DBAPIError as error:
        raise FixtureError(f"{item.place}: the database refuses it: {error.orig}") from error


def _free_unique_values(session: Session, table: Table, pks: Iterable[int]) -> None:
    """Put what is unique out of the way, so that objects can swap their names."""
    unique = [column for column in table.c if isinstance(column.type, String) and _is_unique(table, column)]
    rows = [{"key": pk, "placeholder": f"\x01{pk}"} for pk in pks]
    for column in unique if rows else []:
        statement = update(table).where(table.c.id == bindparam("key"))
        session.connection().execute(statement.values({column.name: bindparam("placeholder")}), rows)


def _is_unique(table: Table, column: Column[Any]) -> bool:
    constraints = (c for c in table.constraints if isinstance(c, UniqueConstraint))
    return any(column.name in constraint.columns for constraint in constraints)


def _advance_sequences(session: Session, models: Iterable[type[Base]]) -> None:
    """Let PostgreSQL number new objects after the loaded ones."""
    for model in models:
        table = table_of(model)
        name = session.get_bind().dialect.identifier_preparer.format_table(table)
        sequence = session.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": name})
        # Names of our own tables, quoted by the dialect.
        newest = f"GREATEST((SELECT max(id) FROM {name}), (SELECT last_value FROM {sequence}))"  # nosec B608
        session.execute(text(f"SELECT setval(:sequence, {newest})"), {"sequence": sequence})
