"""Which packets have a row already: one look into an index, however many there are."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.alerts.packet import Key
from pyros_kernel.store import Alert, Store, StoreError

_FIND = select(Alert.id, Alert.path).where(Alert.ivorn == bindparam("ivorn"), Alert.digest == bindparam("digest"))


class Known:
    """Look packets up by their key, with a connection of its own: a session would cost ten times as much.

    :param store: where their rows are
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        compiled = _FIND.compile(dialect=store.engine.dialect)
        self._text, self._order = str(compiled), compiled.positiontup
        self._errors = (store.engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        self._looking = threading.Lock()
        self._link: Any = None
        self._closed = False

    def find(self, keys: Iterable[Key]) -> dict[Key, tuple[int, str]]:
        """Give id and path of those packets that have a row.

        :raises StoreError: if the database can't be asked
        """
        asked = list(keys)
        with self._looking:
            if self._closed or self._store.closed:
                raise StoreError(f"the store {self._store.url} is closed")
            if self._link is not None:
                try:
                    return self._find(asked)
                except self._errors:
                    self._let_go()  # the server may have been started again since
            try:
                self._link = self._store.engine.raw_connection()
                return self._find(asked)
            except self._errors as error:
                self._let_go()
                raise StoreError(f"the database {self._store.url} refused: {error}") from error

    def close(self) -> None:
        """Let go of the connection."""
        with self._looking:
            self._closed = True
            self._let_go()

    def _find(self, keys: list[Key]) -> dict[Key, tuple[int, str]]:
        found: dict[Key, tuple[int, str]] = {}
        cursor = self._link.cursor()
        for key in keys:
            words: Any = {"ivorn": key[0], "digest": key[1]}
            if self._order is not None:
                words = [words[name] for name in self._order]
            cursor.execute(self._text, words)
            if (row := cursor.fetchone()) is not None:
                found[key] = row[0], row[1]
        cursor.close()
        self._link.rollback()  # PostgreSQL's driver began a transaction
        return found

    def _let_go(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.invalidate()
