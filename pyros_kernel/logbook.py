"""The observatory's logbook: the last lines for panels, every line for a file and the store."""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pyros_kernel.clock import Clock
from pyros_kernel.snapshot import LogLine
from pyros_kernel.store import AgentLog, Store

_LOGGERS = ("pyros_kernel", "instruments")
_LAST = 300
_UNSAVED = 2000  # lines kept for the store while it can't be written; the file has them all


class LogFile(RotatingFileHandler):
    """A file that misses lines while it can't be written, and says how many once it can.

    A full disk is told by whoever needs its room; a traceback for each line would only hide that in a notebook.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=10_000_000, backupCount=5, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        self._missed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; never raises."""
        missed = self._missed
        super().emit(record)
        if missed and missed == self._missed:
            self._missed, text = 0, "%d lines are missing above: the file could not be written"
            super().emit(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (missed,), None))

    def handleError(self, record: logging.LogRecord) -> None:
        """Count a line that could not be written; any other error is a defect, and told as such."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
            return
        self._missed += 1
        stream, self.stream = self.stream, None  # opened again for the next line
        if stream is not None:
            with suppress(OSError):  # what it still holds is the line that is counted
                stream.close()


class Logbook(logging.Handler):
    """Take what PyROS logs, from whatever thread, stamped with the observatory's time.

    Defects (records with a traceback) are kept apart, for :meth:`Observatory.check`.
    """

    def __init__(self, clock: Clock, path: Path) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self._lines: deque[LogLine] = deque(maxlen=_LAST)
        self._unsaved: deque[LogLine] = deque(maxlen=_UNSAVED)
        self._guard = threading.Lock()
        self.defects: deque[str] = deque(maxlen=50)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = LogFile(path)
        self._levels: dict[str, int] = {}

    def open(self) -> None:
        """Begin to listen."""
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(logging.INFO)
            logger.addHandler(self)
            logger.addHandler(self._file)

    def close(self) -> None:
        """Stop listening, and close the file."""
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            logger.setLevel(level)
            logger.removeHandler(self)
            logger.removeHandler(self._file)
        self._levels = {}
        self._file.close()
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; never raises."""
        line = LogLine(self._clock.unix_s(), record.levelname, record.name.rpartition(".")[2], record.getMessage())
        with self._guard:
            self._lines.append(line)
            self._unsaved.append(line)
            if record.exc_info and record.exc_info[1] is not None:
                self.defects.append(f"{line.text}: {record.exc_info[1]!r}")

    def last(self) -> tuple[LogLine, ...]:
        """Give the last lines, oldest first."""
        with self._guard:
            return tuple(self._lines)

    def save(self, store: Store) -> None:
        """Write the lines that are not yet in the store; they stay if it can't be written."""
        with self._guard:
            lines = list(self._unsaved)
        if not lines:
            return
        with store.session() as session:
            session.add_all(
                AgentLog(
                    time=datetime.fromtimestamp(x.time_s, UTC),
                    agent=x.source[:64],
                    level=x.level,
                    message=x.text,
                )
                for x in lines
            )
        with self._guard:
            for _ in lines:
                if self._unsaved:
                    self._unsaved.popleft()
