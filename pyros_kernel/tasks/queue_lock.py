"""One at a time: a lock by name, let go of by the system when its holder dies.

With SQLite everything runs on one machine, and a locked file does.  With PostgreSQL it is a lock of the server as well,
bound to a connection, so that it holds on all machines; the server ends a connection whose machine went silent.  The
file goes on telling this machine's own processes that its holder lives.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from pyros_kernel.store.engine import CONNECT_TIMEOUT_S, KEEPALIVE, SERVER_KEEPALIVE
from pyros_kernel.tasks import place

_CLASS = 0x5059  # of PostgreSQL's advisory locks: any number, if every PyROS takes the same
_LOOK_REAL_S = 0.05


class QueueLock:
    """A lock, taken by one process of all that share the store.

    :param name: such as ``queue:analysis_q``
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._file: int | None = None
        self._connection: Connection | None = None

    def acquire(self, timeout_s: float = 0.0) -> bool:
        """Take it, waiting ``timeout_s`` real seconds at most, and say whether that succeeded."""
        deadline = time.monotonic() + timeout_s
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_REAL_S)
        return True

    def release(self) -> None:
        """Let it go; not having it is fine."""
        if self._file is not None:
            # Explicitly: a process forked meanwhile has the file as well, and would go on holding the lock.
            fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
            connection.engine.dispose()

    def _try(self) -> bool:
        if not self._try_file():
            return False
        try:
            taken = place.store().engine.dialect.name != "postgresql" or self._try_server()
        except BaseException:
            self.release()
            raise
        if not taken:
            self.release()
        return taken

    def _try_file(self) -> bool:
        path = place.settings().data / "tasks" / "locks" / quote(self.name, safe="")
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def _try_server(self) -> bool:
        engine = create_engine(
            place.store().engine.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": SERVER_KEEPALIVE, **KEEPALIVE},
        )
        connection = engine.connect()
        key = zlib.crc32(self.name.encode()) - 2**31
        query = text("SELECT pg_try_advisory_lock(:class, :key)")
        if connection.execute(query, {"class": _CLASS, "key": key}).scalar():
            self._connection = connection
            return True
        connection.close()
        engine.dispose()
        return False


def is_free(name: str) -> bool:
    """Tell whether nobody holds a lock now; taking it for a moment."""
    lock = QueueLock(name)
    if not lock.acquire():
        return False
    lock.release()
    return True
