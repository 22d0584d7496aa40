"""One observatory per data directory: a lock that the kernel of the system lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, cast

FILE_NAME = "observatory.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a data directory.

    :param since: when it was taken, ISO 8601, UTC
    :param what: what runs there, such as ``notebook`` or ``headless``
    """

    pid: int
    host: str
    user: str
    since: str
    what: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host} ({self.what}), since {self.since}"


class Held(Exception):
    """Another observatory holds the data directory; says who, since when, and what to do.

    :param holder: who it is; None if it has not yet said so
    """

    def __init__(self, directory: Path, holder: Holder | None) -> None:
        self.holder = holder
        stop = (
            "look on (obs.watch()) or take over (obs.take_over(why)), stop it there (obs.stop(), or restart its kernel)"
        )
        if holder is not None and holder.host == socket.gethostname():
            stop += f", end it with `kill {holder.pid}`"
        super().__init__(
            f"{directory} is held by {holder or 'another process'}: {stop}, or take another data directory (PYROS_DATA)"
        )


class DataLock:
    """Hold a data directory for one observatory.

    The file stays when the lock goes: removing it could take it from under somebody who is just acquiring it.

    :param directory: the data directory, made if need be
    :param what: what runs here, such as ``notebook`` or ``headless``, told to those who come too late
    """

    def __init__(self, directory: Path | str, what: str = "observatory") -> None:
        self.path = Path(directory) / FILE_NAME
        self._what = what
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the directory; having it already is fine.

        :raises Held: if another process, or another lock of this one, has it
        :raises OSError: if the directory can't be written to
        """
        if self._file is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Not inherited by child processes (PEP 446): a child that outlives us must not hold on to the lock.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(file):
                raise Held(self.path.parent, read_holder(self.path))
        except BaseException:
            os.close(file)
            raise
        holder = Holder(
            os.getpid(),
            socket.gethostname(),
            user_name(),
            datetime.now(UTC).isoformat(timespec="seconds"),
            self._what,
        )
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(asdict(holder)).encode() + b"\n", 0)
        self._file = file

    def release(self) -> None:
        """Let the directory go; not having it is fine."""
        file, self._file = self._file, None
        if file is not None:
            os.ftruncate(file, 0)
            os.close(file)  # and with it the lock

    def __enter__(self) -> DataLock:
        """Acquire."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release."""
        self.release()


def read_holder(path: Path) -> Holder | None:
    """Tell who wrote a lock file last; whether it still holds it, :func:`is_held` tells.

    :param path: the lock file
    :return: None if there is no file, or nothing readable in it
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        fields = cast("dict[str, Any]", data)
        return Holder(int(fields["pid"]), *(str(fields[k]) for k in ("host", "user", "since", "what")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Tell whether somebody holds a lock file now, without making it.

    :param path: the lock file
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared: two that only look don't take each other for the holder.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _lock(file: int) -> bool:
    for pause_s in (0.05, 0.0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause_s)  # somebody may only be looking (is_held)
        else:
            return True
    return False


def user_name() -> str:
    """Name who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return str(os.getuid())
