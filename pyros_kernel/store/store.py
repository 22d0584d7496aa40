"""The store: opened once, it hands out short sessions to any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from pyros_kernel.signs import sign
from pyros_kernel.store import schema
from pyros_kernel.store.base import Base
from pyros_kernel.store.engine import make_engine, reader, shown
from pyros_kernel.store.errors import StoreClosed, StoreError

CLOSE_DEADLINE_S = 5.0
_LONGEST_WAIT_S = 30.0  # the time limits of connections and locks are below it


class Store:
    """What the observatory remembers, in SQLite or PostgreSQL.

    Objects stay readable after their session (``expire_on_commit`` is off); they are copies then, and
    relations not yet loaded are out of reach.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._closed = False
        self.ending = threading.Event()
        """Set by its owner, who is about to close it: nobody waits for it any more as for one that comes back."""
        self._open_sessions = 0
        self._changed = threading.Condition()
        self._thread = threading.local()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a database, made and migrated to this version's schema if need be.

        :param url: ``sqlite:///path`` or ``postgresql://user@host/database``
        :raises StoreError: if it can't be reached, is no database, or was written by a newer PyROS
        """
        engine = make_engine(url)
        try:
            schema.upgrade(engine)
        except DBAPIError as error:
            engine.dispose()
            raise StoreError(
                f"can't open the database {shown(url)}: {error.orig}; is it running, and is its address"
                " (PYROS_DATABASE_URL) right? `pyros doctor` tells more"
            ) from error
        except (SQLAlchemyError, StoreError):
            engine.dispose()
            raise
        return cls(engine)

    @property
    def engine(self) -> Engine:
        """The engine behind it, for what sessions can't do."""
        return self._engine

    @property
    def url(self) -> str:
        """Its address, without a password."""
        return shown(self._engine.url)

    @property
    def closed(self) -> bool:
        """Whether it was closed: for who keeps a connection of the engine."""
        return self._closed

    @contextmanager
    def session(self, *, read_only: bool = False) -> Generator[Session]:
        """Open a session: committed at the end of the block, rolled back by an exception.

        Keep it short: one writer at a time is let into a SQLite database, from its first line to its last.

        :param read_only: read a consistent picture without waiting for a writer; changes are thrown away
        :raises StoreClosed: if the store is closed
        :raises StoreError: if this thread is already inside a writing session
        """
        self._enter(read_only)
        try:
            engine = self._reader if read_only else self._engine
            with Session(engine, expire_on_commit=False, autoflush=not read_only) as session:
                yield session
                if not read_only:  # closing it rolls back, and leaves what was read as it was read
                    session.commit()
        finally:
            self._leave(read_only)

    def _enter(self, read_only: bool) -> None:
        if not read_only and getattr(self._thread, "writing", False):
            raise StoreError("a writing session inside another of the same thread would wait for itself")
        with self._changed:
            if self._closed:
                raise StoreClosed(f"the store {self.url} is closed")
            self._open_sessions += 1
        if not read_only:
            self._thread.writing = True
        sign(_LONGEST_WAIT_S)

    def _leave(self, read_only: bool) -> None:
        sign()
        if not read_only:
            self._thread.writing = False
        with self._changed:
            self._open_sessions -= 1
            self._changed.notify_all()

    def ping(self) -> None:
        """Ask the database for a sign of life.

        :raises StoreError: if there is none
        """
        try:
            with self.session(read_only=True) as session:
                session.execute(text("SELECT 1"))
        except DBAPIError as error:
            raise StoreError(f"the database {self.url} does not answer: {error.orig}") from error

    def close(self) -> None:
        """Refuse new sessions, let the open ones end (for a few seconds), and let go of the database."""
        self.ending.set()
        deadline = time.monotonic() + CLOSE_DEADLINE_S
        with self._changed:
            self._closed = True
            while self._open_sessions and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
        self._engine.dispose()
        self._forget_compiled()

    def _forget_compiled(self) -> None:
        """Let go of the statements that SQLAlchemy compiled for this database.

        Each mapper keeps its INSERTs and UPDATEs for every dialect object that it has met, and each engine has its own:
        what a closed store leaves there would be used by nobody, and has no public way out.
        """
        dialect = self._engine.dialect
        for mapper in Base.registry.mappers:
            compiled: MutableMapping[tuple[object, ...], object] = vars(mapper).get("_compiled_cache", {})
            for key in list(compiled):  # at once: other stores may be at work
                if key[0] is dialect:
                    compiled.pop(key, None)
