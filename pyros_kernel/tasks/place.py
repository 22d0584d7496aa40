"""Which observatory the tasks of this process belong to: its data directory, its store, its broker."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from pyros_kernel.settings import Settings
from pyros_kernel.store import Store

# Held while this process uses the database for a task's row, and while it forks: a worker's main process forks the
# one that runs tasks from a thread, and SQLite's own locks, if another thread held them then, would never be free.
_guard = threading.RLock()
os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release)
_settings: Settings | None = None
# By process: a connection must not be used on both sides of a fork, nor closed by the side that doesn't own it.
_stores: dict[tuple[int, str], Store] = {}


def settings() -> Settings:
    """Give the observatory's settings; those of the environment until :func:`set_settings` says otherwise."""
    return _settings if _settings is not None else Settings.from_environment()


def set_settings(given: Settings | None) -> None:
    """Take these settings, or those of the environment again."""
    global _settings
    close()
    _settings = given


def broker_url() -> str:
    """Give the broker's address: PYROS_BROKER_URL, or the data directory itself."""
    return os.environ.get("PYROS_BROKER_URL") or f"pyros://localhost/{settings().data / 'tasks' / 'broker'}"


def scheme() -> str:
    """Name the kind of broker: ``pyros`` (the data directory), ``redis`` or ``amqp``."""
    return broker_url().partition("://")[0]


def store() -> Store:
    """Give this process's store, opened when first asked for.

    :raises StoreError: if the database can't be used
    """
    key = os.getpid(), settings().database_url
    with _guard:
        opened = _stores.get(key)
        if opened is None:
            opened = _stores[key] = Store.open(key[1])
    return opened


@contextmanager
def session(*, read_only: bool = False) -> Generator[Session]:
    """Open a short session, one at a time in this process; as :meth:`Store.session`."""
    with _guard, store().session(read_only=read_only) as opened:
        yield opened


def close() -> None:
    """Let go of the store; it opens again when asked for."""
    with _guard:
        mine = [key for key in _stores if key[0] == os.getpid()]
        opened = [_stores.pop(key) for key in mine]
    for each in opened:
        each.close()
