"""Messages as files: a directory per queue, taken by renaming, given back when their taker dies.

``queues/<queue>/<time>-<id>.json`` waits; ``taken/<owner>/<queue>~<time>-<id>.json`` was handed out and not yet
acknowledged.  An owner holds a lock on ``taken/<owner>/lock``, which the system lets go of when its process dies:
then anybody may put its messages back.  Every step is one rename, so no reader sees half a message.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

logger = logging.getLogger(__name__)

_LOCK = "lock"
_OWNER = ".owner"


class Spool:
    """The messages of a directory, for one process.

    :param root: the directory, made if need be
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[str, deque[str]] = {}
        self._lock_file: int | None = None
        self._owner = ""
        for part in ("queues", "taken", "new", "bad"):
            (root / part).mkdir(parents=True, exist_ok=True)

    def directory(self, queue: str) -> Path:
        """Give a queue's directory, made if need be."""
        path = self._queue(queue)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, queue: str, message: dict[str, Any]) -> None:
        """Add a message: all of it, or an OSError (a full disk) and nothing."""
        name = f"{time.time_ns():020d}-{uuid4().hex}.json"  # of the file system's order, not of the observatory
        part = self.root / "new" / name
        try:
            part.write_text(json.dumps(message), encoding="utf-8")
            part.rename(self.directory(queue) / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def take(self, queue: str, *, keep: bool) -> tuple[dict[str, Any], Path | None] | None:
        """Take the oldest message, if there is one.

        :param keep: hold it as taken until :meth:`done`, instead of forgetting it at once
        """
        names = self._listed.get(queue)
        if not names:
            try:
                found = sorted(n for n in os.listdir(self._queue(queue)) if not n.startswith("."))  # noqa: PTH208
            except FileNotFoundError:
                return None
            names = self._listed[queue] = deque(found)
        while names:
            name = names.popleft()
            taken = self._mine() / f"{quote(queue, safe='')}~{name}"
            try:
                (self._queue(queue) / name).rename(taken)
            except FileNotFoundError:
                continue  # somebody else has it
            try:
                message = json.loads(taken.read_bytes())
            except ValueError:
                taken.rename(self.root / "bad" / taken.name)
                logger.error("queue %s: %s is no message; it was put into %s", queue, name, self.root / "bad")
                continue
            if not keep:
                taken.unlink()
            return message, taken if keep else None
        return None

    def done(self, taken: Path) -> None:
        """Forget a taken message."""
        taken.unlink(missing_ok=True)

    def give_back(self, taken: Path) -> None:
        """Put a taken message back where it was."""
        queue, _, name = taken.name.rpartition("~")  # a queue's name may hold one, a message's never
        try:
            taken.rename(self.directory(unquote(queue)) / name)
        except FileNotFoundError:
            return  # it was acknowledged, or given back, by another thread
        self._listed.pop(unquote(queue), None)

    def give_back_of_the_dead(self) -> int:
        """Put back what owners took that live no more.

        :return: how many messages
        """
        count = 0
        for owner in self._owners():
            if owner.name == self._owner or (lock := _try_lock(owner / _LOCK)) is None:
                continue
            try:
                for taken in owner.iterdir():
                    if taken.name != _LOCK:
                        self.give_back(taken)
                        count += 1
                shutil.rmtree(owner, ignore_errors=True)
            finally:
                os.close(lock)
        if count:
            logger.warning("%d messages of workers that ended put back", count)
        return count

    def size(self, queue: str) -> int:
        """Count the messages that wait in a queue."""
        try:
            return sum(1 for name in os.listdir(self._queue(queue)) if not name.startswith("."))  # noqa: PTH208
        except FileNotFoundError:
            return 0

    def purge(self, queue: str) -> int:
        """Forget the messages that wait in a queue, and say how many."""
        count = 0
        for path in list(self._queue(queue).glob("*.json")):
            path.unlink(missing_ok=True)
            count += 1
        self._listed.pop(queue, None)
        return count

    def own(self, queue: str) -> None:
        """Make a queue end with this process."""
        (self.directory(queue) / _OWNER).write_text(self._mine().name, encoding="utf-8")

    def abandoned(self, queue: str) -> bool:
        """Whether a queue belonged to a process that lives no more, or is gone."""
        try:
            owner = (self._queue(queue) / _OWNER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return not self._queue(queue).is_dir()
        if owner == self._owner:
            return False
        lock = _try_lock(self.root / "taken" / owner / _LOCK)
        if lock is not None:
            os.close(lock)
        return lock is not None or not (self.root / "taken" / owner).is_dir()

    def remove(self, queue: str) -> None:
        """Remove a queue with what is in it."""
        shutil.rmtree(self._queue(queue), ignore_errors=True)
        self._listed.pop(queue, None)

    def close(self) -> None:
        """Give everything back that is still taken, and the lock."""
        if self._lock_file is None:
            return
        mine = self.root / "taken" / self._owner
        for taken in list(mine.glob("*~*")):
            self.give_back(taken)
        shutil.rmtree(mine, ignore_errors=True)
        os.close(self._lock_file)
        self._lock_file, self._owner = None, ""

    def _queue(self, queue: str) -> Path:
        return self.root / "queues" / quote(queue, safe="")

    def _owners(self) -> Iterator[Path]:
        yield from (p for p in (self.root / "taken").iterdir() if p.is_dir())

    def _mine(self) -> Path:
        if self._lock_file is None:
            name = f"{os.getpid()}-{uuid4().hex[:8]}"
            new = self.root / "new" / name  # locked before anybody can see it
            new.mkdir()
            self._lock_file = _try_lock(new / _LOCK, create=True)
            new.rename(self.root / "taken" / name)
            self._owner = name
        return self.root / "taken" / self._owner


def _try_lock(path: Path, *, create: bool = False) -> int | None:
    """Lock a file without waiting; None if somebody holds it or there is none."""
    try:
        file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
