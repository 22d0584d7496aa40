"""What an observatory talks to: its database, and the broker of its tasks."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from pyros_kernel.doctor.finding import Finding
from pyros_kernel.store import StoreError, schema
from pyros_kernel.store.engine import make_engine, shown

CONNECT_TIMEOUT_S = 3.0
BROKER_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672, "redis": 6379, "rediss": 6379}


def missing_file(url: str) -> Path | None:
    """Tell which SQLite file an address means, if it is not there yet.

    :param url: the store's address
    """
    try:
        address = make_url(url)
    except ArgumentError:
        return None
    if address.get_backend_name() != "sqlite" or not address.database:
        return None
    path = Path(address.database)
    return None if path.exists() else path


def database(url: str) -> Finding:
    """Check that the database answers, and that its schema is one this PyROS knows.

    :param url: the store's address
    """
    name = "database"
    if (path := missing_file(url)) is not None:
        return Finding(name, None, f"{path} is not there yet: the first start makes it", "pyros setup")
    try:
        engine = make_engine(url)
    except StoreError as error:
        return Finding(name, False, str(error), "export PYROS_DATABASE_URL=sqlite:////path/to/pyros.sqlite")
    try:
        revision = schema.current(engine)
    except DBAPIError as error:
        return Finding(name, False, f"{shown(url)}: {error.orig}".strip(), _mend(engine.dialect.name, url))
    finally:
        engine.dispose()
    newest = schema.head()
    if revision is None:
        return Finding(name, None, f"{shown(url)} answers, and is empty: the first start fills it", "pyros setup")
    if revision not in schema.known():
        what = f"{shown(url)} has schema {revision}, newer than this PyROS knows ({newest})"
        return Finding(name, False, what, "git pull && make setup")
    state = "" if revision == newest else f", the next start brings it to {newest}"
    return Finding(name, True, f"{shown(url)} answers, schema {revision}{state}")


def _mend(dialect: str, url: str) -> str:
    address = make_url(url)
    if dialect == "sqlite":
        return f"mv {address.database} {address.database}.broken && pyros setup"
    return f"pg_isready -h {address.host} -p {address.port or 5432}, and start the server or mend PYROS_DATABASE_URL"


def broker(url: str, timeout_s: float = CONNECT_TIMEOUT_S) -> Finding:
    """Check that the broker of the tasks takes connections.

    :param url: PYROS_BROKER_URL; empty for the embedded one
    :param timeout_s: how long to try
    """
    if not url:
        return Finding("broker", True, "embedded: nothing to do (PYROS_BROKER_URL is not set)")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or BROKER_PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not (host and port):
        mend = "export PYROS_BROKER_URL=amqp://user:password@host:5672//, or unset PYROS_BROKER_URL"
        return Finding("broker", False, "PYROS_BROKER_URL is no address of a broker", mend)
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        mend = "start it, mend PYROS_BROKER_URL, or unset PYROS_BROKER_URL to use the embedded one"
        return Finding("broker", False, f"{host}:{port} can't be reached: {error}", mend)
    return Finding("broker", True, f"{host}:{port} takes connections")
