"""The schema's version: bring a database to the one this code knows, and tell which one it has."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from pyros_kernel.store.engine import reader, shown
from pyros_kernel.store.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic's environment is global to the process: one migration at a time.
_ALEMBIC = threading.Lock()
# Any number will do, if every PyROS takes the same: two processes never migrate one database together.
_ADVISORY_LOCK = 0x5059_524F


def head() -> str:
    """Give the newest schema version this code knows."""
    version = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert version is not None
    return version


def known() -> frozenset[str]:
    """Give every schema version this code knows."""
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def current(engine: Engine) -> str | None:
    """Give a database's schema version, None for an empty one."""
    with reader(engine).connect() as connection:
        return _revision(connection)


def upgrade(engine: Engine) -> None:
    """Bring a database to :func:`head`, all or nothing.

    :raises StoreError: if a newer PyROS wrote it
    """
    if current(engine) == head():
        return
    with _ALEMBIC, engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        revision = _revision(connection)
        if revision is not None and revision not in known():
            raise StoreError(
                f"{shown(engine.url)} has schema {revision}, newer than this PyROS knows ({head()}):"
                " update PyROS (git pull, make setup), or name another database in PYROS_DATABASE_URL"
            )
        command.upgrade(_config(connection), "head")


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take a database back to an older version; what it can't hold is lost.

    :param revision: version to go back to; ``base`` empties the database
    """
    with _ALEMBIC, engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
