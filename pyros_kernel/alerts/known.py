"""Which packets have a row already: one look into an index, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select

from pyros_kernel.alerts.packet import Key
from pyros_kernel.store import Alert, Store

_FIND = select(Alert.id, Alert.path).where(Alert.ivorn == bindparam("ivorn"), Alert.digest == bindparam("digest"))


class Known:
    """Look packets up by their key, with the driver's own cursor: a session would cost ten times as much.

    :param store: where their rows are
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        compiled = _FIND.compile(dialect=store.engine.dialect)
        self._text, self._order = str(compiled), compiled.positiontup

    def find(self, keys: Iterable[Key]) -> dict[Key, tuple[int, str]]:
        """Give id and path of those packets that have a row.

        :raises StoreError: if the database can't be asked
        """
        found: dict[Key, tuple[int, str]] = {}
        with self._store.cursor() as cursor:
            for key in keys:
                words: Any = {"ivorn": key[0], "digest": key[1]}
                if self._order is not None:
                    words = [words[name] for name in self._order]
                cursor.execute(self._text, words)
                if (row := cursor.fetchone()) is not None:
                    found[key] = row[0], row[1]
        return found
