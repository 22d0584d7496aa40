"""What an earlier run may have left: locks, and the pid files of programs that are gone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

from pyros_kernel.doctor.finding import Finding
from pyros_kernel.lock import FILE_NAME, is_held, read_holder


def lock(data: Path) -> Finding:
    """Tell who holds the data directory.

    :param data: the data directory
    """
    path = data / FILE_NAME
    holder = read_holder(path)
    if is_held(path):
        return Finding("lock", True, f"an observatory runs here: {holder or 'it did not say which'}")
    if holder is None:
        return Finding("lock", True, f"nobody holds {data}")
    return Finding("lock", True, f"left by {holder}, which is gone; it is in nobody's way")


def pid_files(directories: Iterable[Path]) -> Finding:
    """Look for pid files whose process is gone: some programs refuse to start because of one.

    Comet's ``twistd`` is the known case: with an old ``twistd.pid`` it ends with «TypeError: 'ProcessLookupError'
    object is not subscriptable».

    :param directories: where to look, and in the present directory
    """
    places = {Path.cwd().resolve(), *(d.resolve() for d in directories)}
    stale = [path for place in sorted(places) if place.is_dir() for path in sorted(place.glob("*.pid")) if _dead(path)]
    if not stale:
        return Finding("pid files", True, f"none left over in {', '.join(map(str, sorted(places)))}")
    logs = [log for path in stale if path.name == "twistd.pid" and (log := path.with_name("twistd.log")).exists()]
    what = "; ".join(f"{path} names a process that is gone" for path in stale)
    return Finding("pid files", False, what, f"rm {' '.join(map(str, [*stale, *logs]))}")


def _dead(path: Path) -> bool:
    """Whether a pid file's process is gone, or was started after the file was written (its number used again)."""
    try:
        pid, written_s = int(path.read_text(encoding="ascii")), path.stat().st_mtime
    except (OSError, ValueError):
        return False  # not a pid file, whatever its name
    try:
        return psutil.Process(pid).create_time() > written_s + 1
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return True
    except psutil.AccessDenied:
        return False
