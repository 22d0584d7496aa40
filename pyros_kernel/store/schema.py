"""The schema's version: bring a database to the one this code knows, and tell which one it has.

Each start asks for the version; alembic takes a tenth of a second to load, and only a migration needs it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from pyros_kernel.store.engine import reader, shown
from pyros_kernel.store.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic's environment is global to the process: one migration at a time.
_ALEMBIC = threading.Lock()
# Any number will do, if every PyROS takes the same: two processes never migrate one database together.
_ADVISORY_LOCK = 0x5059_524F


def head() -> str:
    """Give the newest schema version this code knows."""
    return max(known())


def known() -> frozenset[str]:
    """Give every schema version this code knows."""
    # A migration's file is named by its revision, and each revision follows the one before: 0001, 0002 …
    return frozenset(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


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
        from alembic import command

        command.upgrade(_config(connection), "head")


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take a database back to an older version; what it can't hold is lost.

    :param revision: version to go back to; ``base`` empties the database
    """
    from alembic import command

    with _ALEMBIC, engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
