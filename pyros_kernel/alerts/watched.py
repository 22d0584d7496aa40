"""A directory whose new files are packets: for programs that can only write files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pyros_kernel.alerts.received import Arrival, NotStored, Receive, Received

logger = logging.getLogger(__name__)

_SUFFIXES = {".xml", ".json"}
_STOP_S = 5.0
_LARGEST = 4 << 20


class WatchedDirectory:
    """Take each file that appears, once it no longer grows; files stay where they are.

    :param every_s: real seconds between two looks
    """

    def __init__(
        self, directory: Path, receive: Receive, acknowledged: Callable[[Received], None], *, every_s: float = 0.5
    ) -> None:
        self._directory, self._receive, self._acknowledged = directory, receive, acknowledged
        self._every_s = every_s
        self._seen: dict[Path, tuple[int, int]] = {}  # length and time of what was last looked at
        self._taken: dict[Path, tuple[int, int]] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pyros-watched", daemon=True)

    def __str__(self) -> str:
        return f"watched directory {self._directory}: {len(self._taken)} files taken"

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            try:
                self._look()
            except OSError as error:
                logger.warning("the watched directory %s can't be read: %s", self._directory, error)

    def _look(self) -> None:
        now: dict[Path, tuple[int, int]] = {}
        for path in sorted(self._directory.iterdir()):
            if path.suffix not in _SUFFIXES or path.name.startswith(".") or not path.is_file():
                continue
            about = path.stat()
            now[path] = mark = about.st_size, about.st_mtime_ns
            if self._taken.get(path) != mark and self._seen.get(path) == mark and self._take(path, about.st_size):
                self._taken[path] = mark
        self._seen = now
        self._taken = {path: mark for path, mark in self._taken.items() if path in now}

    def _take(self, path: Path, size: int) -> bool:
        if size > _LARGEST:
            logger.warning("%s is larger than %d bytes, and not taken", path, _LARGEST)
            return True
        (outcome,) = self._receive([Arrival(path.read_bytes(), f"file:{path}", time.monotonic())])
        if isinstance(outcome, NotStored):
            return False
        if not isinstance(outcome, Received):
            logger.warning("%s is no packet: %s", path, outcome)
        elif not outcome.duplicate:
            self._acknowledged(outcome)
        return True
