"""Waiting for files to arrive in directories, without asking again and again (inotify(7), Linux)."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterable
from pathlib import Path

_IN_CREATE, _IN_MOVED_TO = 0x100, 0x80  # <sys/inotify.h>
_libc = ctypes.CDLL(None, use_errno=True)


class Arrivals:
    """Wait until something arrives in one of some directories, or until somebody wakes the waiter.

    On a file system of the network arrivals by other machines are not told: the waiter's time-out finds those.
    """

    def __init__(self) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._file = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            error = ctypes.get_errno()
            os.close(self._wake)
            raise OSError(error, f"inotify: {os.strerror(error)}; see /proc/sys/fs/inotify/max_user_instances")
        self._watched: set[Path] = set()

    def watch(self, directories: Iterable[Path]) -> None:
        """Watch these too; one that is not there is left out."""
        for directory in set(directories) - self._watched:
            if _libc.inotify_add_watch(self._file, os.fsencode(directory), _IN_CREATE | _IN_MOVED_TO) >= 0:
                self._watched.add(directory)

    def forget(self, directory: Path) -> None:
        """Count a directory as not watched: it was removed."""
        self._watched.discard(directory)

    def wait(self, timeout_s: float) -> bool:
        """Wait for an arrival or a wake-up, at most ``timeout_s`` real seconds; tell whether any came."""
        ready, _, _ = select.select([self._file, self._wake], [], [], timeout_s)
        for file, size in ((self._file, 65536), (self._wake, 8)):
            if file in ready:
                os.read(file, size)
        return bool(ready)

    def wake(self) -> None:
        """End a wait, from any thread."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give the files back."""
        os.close(self._file)
        os.close(self._wake)
