"""Databases for the store's tests: a file of SQLite, and a fresh PostgreSQL database if a server is there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pyros_kernel.store import Store

SERVER = "host=127.0.0.1 port=5432 user=postgres dbname=postgres connect_timeout=3"
INSTALL = "apt-get install postgresql, and let user postgres in from 127.0.0.1 (trust) on port 5432"


def _missing(message: str) -> None:
    if os.environ.get("PYROS_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'fresh' / 'pyros.sqlite'}"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """Make an empty PostgreSQL database, and drop it afterwards."""
    try:
        server = psycopg.connect(SERVER, autocommit=True)
    except psycopg.OperationalError as error:
        _missing(f"no PostgreSQL server at 127.0.0.1:5432: {INSTALL} ({error})")
        return
    name = f"pyros_{uuid.uuid4().hex}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield f"postgresql://postgres@127.0.0.1:5432/{name}"
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def empty(url: str) -> Iterator[Store]:
    """Give an empty store, once in SQLite and once in PostgreSQL."""
    opened = Store.open(url)
    yield opened
    opened.close()
