"""The schema: up, down, and the same as the models."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError

from pyros_kernel.store import Base, Site, Store, schema
from pyros_kernel.store.engine import make_engine


def _tables(url: str) -> set[str]:
    engine = make_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_up_down_and_up_again(url: str) -> None:
    engine = make_engine(url)
    assert schema.current(engine) is None
    schema.upgrade(engine)
    assert schema.current(engine) == schema.head()
    assert _tables(url) == {table.name for table in Base.metadata.sorted_tables} | {"alembic_version"}
    schema.downgrade(engine)
    assert schema.current(engine) is None
    assert _tables(url) == {"alembic_version"}
    schema.upgrade(engine)
    assert schema.current(engine) == schema.head()
    engine.dispose()


def test_the_migrated_schema_is_that_of_the_models(empty: Store) -> None:
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_unique_and_foreign_keys_are_in_the_schema(empty: Store) -> None:
    inspector = inspect(empty.engine)
    for table in Base.metadata.sorted_tables:
        there = {
            (key["constrained_columns"][0], key["referred_table"]) for key in inspector.get_foreign_keys(table.name)
        }
        assert there == {(key.parent.name, key.column.table.name) for key in table.foreign_keys}, table.name


def test_opening_again_keeps_what_is_there(url: str) -> None:
    for expected in ([], ["A"]):
        store = Store.open(url)
        with store.session() as session:
            assert list(session.scalars(select(Site.name))) == expected
            if not expected:
                session.add(Site(name="A", latitude_deg=0.0, longitude_deg=0.0, elevation_m=0.0))
        store.close()


def test_several_open_a_new_database_at_once(url: str) -> None:
    opened: list[Store] = []

    def work() -> None:
        opened.append(Store.open(url))

    threads = [threading.Thread(target=work, name=f"pyros-test-{i}") for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(opened) == 4
    for store in opened:
        store.ping()
        store.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE site (id INTEGER)")  # in the way of the first migration
    with pytest.raises(DBAPIError, match=r"site.*already exists"):
        schema.upgrade(engine)
    assert schema.current(engine) is None
    assert _tables(url) == {"site"}
    engine.dispose()
