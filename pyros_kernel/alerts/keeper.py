"""From the journal to files and rows: what is durable already becomes what people and strategies look at.

A thread does it for many packets at once; whoever needs a row now has it made now.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from pyros_kernel.alerts.files import map_path, sync_files, write_file
from pyros_kernel.alerts.journal import Journal
from pyros_kernel.alerts.known import Known
from pyros_kernel.alerts.notice import embedded_map
from pyros_kernel.alerts.packet import Key, Packet
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.row import columns_of
from pyros_kernel.store import Alert, Store, StoreError

logger = logging.getLogger(__name__)

_GATHER_S = 0.25  # so long a packet may wait for others that get their rows with it
_AGAIN_S = 1.0  # until what disk or database refused is tried again
_AT_ONCE = 256
_STOP_S = 10.0
_TABLE = Alert.__table__
assert isinstance(_TABLE, Table)
_INSERT = insert(_TABLE)


@dataclass(slots=True)
class Entry:
    """A packet that is in the journal.

    :param path: where its file goes, below the data directory
    :param received: observatory time, UTC
    :param has_row: whether only its file is missing
    """

    packet: Packet
    source: str
    path: str
    received: datetime
    steps: dict[str, float] = field(default_factory=dict[str, float])
    has_row: bool = False

    def record(self) -> bytes:
        """Write it for the journal."""
        ivorn, digest = self.packet.key
        words = {"ivorn": ivorn, "digest": digest, "source": self.source, "path": self.path}
        return json.dumps(words | {"received_s": self.received.timestamp()}).encode() + b"\n" + self.packet.raw


class Keeper:
    """Write files and rows of packets that are in the journal, and tell the journal when they are safe.

    :param store: where rows go; may be :func:`~pyros_kernel.alerts.quick_store.quick`
    :param durable: the store whose commits reach the disk
    :param directory: the data directory
    """

    def __init__(self, store: Store, durable: Store, directory: Path, journal: Journal) -> None:
        self._store, self._durable, self._directory, self._journal = store, durable, directory, journal
        self._known = Known(store)
        self._waiting: dict[Key, Entry] = {}
        self._unsynced: list[str] = []  # files that may not have reached the disk
        self._writing = threading.Lock()  # held while files and rows are made
        self._changed = threading.Condition()  # of what waits, and of the end
        self._ending = False
        self._thread: threading.Thread | None = None

    def put(self, entries: Sequence[Entry]) -> None:
        """Take entries that are in the journal; returns at once."""
        with self._changed:
            first = not self._waiting
            self._waiting.update((entry.packet.key, entry) for entry in entries)
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._run, name="pyros-alert-rows", daemon=True)
                self._thread.start()
            elif first:
                self._changed.notify_all()

    def lacking(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Give those packets that are not kept: key → path of the file that its row lost; empty without a row.

        :raises StoreError: if the database can't be asked
        """
        with self._changed:  # before the rows are looked at: who waits no longer has one
            asked = [key for key in keys if key not in self._waiting]
        rows = self._known.find(asked)
        paths = {key: rows[key][1] if key in rows else "" for key in asked}
        return {key: path for key, path in paths.items() if not path or not (self._directory / path).is_file()}

    def row(self, key: Key) -> int:
        """Give the id of a packet's row; if the packet still waits, its file and row are written now.

        :raises OSError: if the disk refuses
        :raises SQLAlchemyError: if the database does
        :raises StoreError: if the store is closed
        """
        while self._waits(key):
            self._write_some()
        found = self._known.find([key])
        if key not in found:
            raise StoreError(f"the row of {key[0]} is not in the store any more")
        return found[key][0]

    def write(self) -> None:
        """Write files and rows of all that wait now.

        :raises OSError: if the disk refuses
        :raises SQLAlchemyError: if the database does
        :raises StoreError: if the store is closed
        """
        left = len(self._waiting)
        while left > 0:
            left -= self._write_some() or left

    def settle(self) -> None:
        """Bring all files and rows to the disk, and release the journal's full half.

        :raises OSError: if the disk refuses
        :raises SQLAlchemyError: if the database does
        :raises StoreError: if the store is closed
        """
        full = self._journal.to_settle
        self.write()
        with self._writing:
            self._sync()
        if full:  # not if that came to be meanwhile
            self._journal.release()

    def recover(self) -> None:
        """Make files and rows again that the journal has, and a power cut or the program's end took.

        :raises OSError: if the disk refuses
        :raises SQLAlchemyError: if the database does
        :raises StoreError: if the store is closed
        """
        entries: list[Entry] = []
        for record in self._journal.records():
            head, _, raw = record.partition(b"\n")
            words = json.loads(head)
            key = words["ivorn"], words["digest"]
            has_row = key in self._known.find([key])
            path = self._directory / words["path"]
            self._unsynced.append(str(path))
            if has_row and path.is_file() and path.stat().st_size == len(raw):
                continue
            logger.warning("file and row of %s are made again from the packets' journal", words["ivorn"])
            received = datetime.fromtimestamp(words["received_s"], UTC)
            entries.append(Entry(read_packet(raw), words["source"], words["path"], received, has_row=has_row))
        self.put(entries)
        if self._unsynced:
            self.settle()

    def close(self) -> None:
        """Bring everything to the disk, and let go of the journal; what can't be written stays in it."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_STOP_S)
        try:
            if self._waiting or self._unsynced:
                self.settle()
                self._journal.clear()
        except (OSError, SQLAlchemyError, StoreError):
            logger.exception("packets could not be written; the journal keeps them for the next start")
        self._known.close()
        self._journal.close()

    def _run(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                self._changed.wait_for(lambda: self._ending, _GATHER_S if not failures else _AGAIN_S)
                if self._ending:
                    return
            try:
                self._write_some()
                if self._journal.to_settle:
                    self.settle()
                failures = 0
            except (OSError, SQLAlchemyError, StoreError) as error:
                failures += 1
                if failures & (failures - 1) == 0:  # the 1st, 2nd, 4th, 8th …
                    logger.error("packets wait in the journal for their rows; tried %d times: %s", failures, error)

    def _waits(self, key: Key) -> bool:
        with self._changed:
            return key in self._waiting

    def _write_some(self) -> int:
        """Write files and rows of those that wait longest; tell how many they were."""
        with self._writing:
            with self._changed:
                batch = list(self._waiting.values())[:_AT_ONCE]
            if not batch:
                return 0
            for entry in batch:
                path = f"{self._directory}/{entry.path}"  # a Path costs as much as the file
                # Before the packet's own file, which tells a start that nothing of it is missing.
                if entry.packet.suffix == "json" and (content := embedded_map(entry.packet.raw)):
                    write_file(map_path(path), content)
                    self._unsynced.append(map_path(path))
                write_file(path, entry.packet.raw)
                self._unsynced.append(path)
            self._insert([entry for entry in batch if not entry.has_row])
            with self._changed:
                for entry in batch:
                    del self._waiting[entry.packet.key]
            return len(batch)

    def _insert(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        try:
            with self._store.session() as session:
                session.connection().execute(_INSERT, [_row(entry) for entry in entries])
        except (DataError, IntegrityError) as error:
            # One of them is to blame, and must not keep the others from their rows.
            if len(entries) > 1:
                for entry in entries:
                    self._insert([entry])
            else:
                logger.error("only the file of %s is kept; its row was refused: %s", entries[0].path, error)

    def _sync(self) -> None:
        paths, self._unsynced = self._unsynced, []
        try:
            sync_files(paths)
            with self._durable.session() as session:
                # Any synced commit takes along what was committed before it.
                last = session.scalars(select(Alert.id).order_by(Alert.id.desc()).limit(1)).first()
                session.execute(update(Alert).where(Alert.id == last).values(source=Alert.source))
        except BaseException:
            self._unsynced = paths + self._unsynced
            raise


def _row(entry: Entry) -> dict[str, Any]:
    columns = columns_of(entry.packet, entry.received)
    return columns | {"source": entry.source, "path": entry.path, "steps": dict(entry.steps)}
