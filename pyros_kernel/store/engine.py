"""The way to a database: SQLite in a file, made durable and shareable, or PostgreSQL by address."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from pyros_kernel.store.errors import StoreError

BUSY_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5
READ_ONLY = "pyros_read_only"
# Of a connection to PostgreSQL: either side notices within seconds that the other went silent, not when TCP gives up.
# A server that didn't would keep the locks of whoever was cut off, and the rows they are on, for hours.
SERVER_KEEPALIVE = "-c tcp_keepalives_idle=2 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
KEEPALIVE = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}
_LOCK_TIMEOUT = "-c lock_timeout=20s"  # no wait for a row is without end


def shown(url: str | URL) -> str:
    """Write an address without its password.

    :param url: address as SQLAlchemy takes it
    """
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the given address"


def reader(engine: Engine) -> Engine:
    """Give the engine's twin (same pool) whose transactions only read, and see one moment throughout.

    :param engine: engine of :func:`make_engine`
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.execution_options(**{READ_ONLY: True})


def make_engine(url: str) -> Engine:
    """Make an engine; for SQLite its directory as well.

    :param url: ``sqlite:///path`` or ``postgresql://user@host/database``
    :raises StoreError: for an address that can't be used
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "the database address is not one; write sqlite:///path or postgresql://user@host/database"
            " (PYROS_DATABASE_URL)"
        ) from error
    if address.get_backend_name() == "sqlite":
        return _sqlite(address)
    if address.drivername in {"postgresql", "postgres"}:
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() != "postgresql":
        raise StoreError(f"{shown(address)}: only sqlite and postgresql are supported (PYROS_DATABASE_URL)")
    try:
        return create_engine(
            address,
            pool_pre_ping=True,
            max_overflow=-1,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"{SERVER_KEEPALIVE} {_LOCK_TIMEOUT}",
                **KEEPALIVE,
            },
        )
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"{shown(address)} needs its driver: pip install 'pyros-observatory[postgresql]' ({error})"
        ) from error


def _sqlite(address: URL) -> Engine:
    if not address.database or address.database == ":memory:":
        raise StoreError("the store needs a file, which threads and processes share: sqlite:///path")
    directory = Path(address.database).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"can't make {directory} for the database: {error}; set PYROS_DATA elsewhere") from error
    engine = create_engine(address, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        # The driver would begin a transaction only at the first change, after what it rests on was read.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        # A writer waits for its turn at the door: one that had read first could not be let in later.
        read_only = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
