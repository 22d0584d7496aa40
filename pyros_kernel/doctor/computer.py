"""What the computer must have: Python, packages, disk space, Earth rotation data, a clock that is right."""

from __future__ import annotations

import ctypes
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from astropy.time import Time
from astropy.utils import iers as astropy_iers
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pyros_kernel.doctor.finding import Finding

DISTRIBUTION = "pyros-observatory"
INSTALL = "make setup (or: pip install --editable .)"
NEEDED_GB = 5.0  # a night of the simulated cameras takes some 0.1 GB

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 1024  # more than struct timex takes on any Linux
_RATE_SAMPLE_S = 0.1


def python(running: str | None = None) -> Finding:
    """Check the version of Python.

    :param running: the version; this interpreter's if left out
    """
    running = running or platform.python_version()
    try:
        needed = metadata(DISTRIBUTION)["Requires-Python"]
    except PackageNotFoundError:
        return Finding("Python", False, f"{running}, but {DISTRIBUTION} is not installed in it", INSTALL)
    ok = SpecifierSet(needed).contains(running, prereleases=True)
    mend = "" if ok else f"install Python {needed}, then: make clean setup PYTHON=/path/to/python3"
    return Finding("Python", ok, f"{running}, needs {needed}", mend)


def packages(requirements: Iterable[str] | None = None) -> Finding:
    """Check that what PyROS depends on is there, and new enough.

    :param requirements: as in pyproject.toml; those of the installed PyROS if left out
    """
    if requirements is None:
        try:
            requirements = requires(DISTRIBUTION) or ()
        except PackageNotFoundError:
            return Finding("packages", False, f"{DISTRIBUTION} is not installed", INSTALL)
    wanted = [r for r in map(Requirement, requirements) if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong: list[str] = []
    for requirement in wanted:
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(there, prereleases=True):
            wrong.append(f"{requirement.name} is {there}, needs {requirement.specifier}")
    if wrong:
        return Finding("packages", False, "; ".join(wrong), INSTALL)
    return Finding("packages", True, f"all {len(wanted)} there and new enough")


def disk(directory: Path, needed_gb: float = NEEDED_GB) -> Finding:
    """Check the space for images.

    :param directory: the data directory; it need not exist yet
    :param needed_gb: how much must be free, 10⁹ bytes
    """
    existing = next(p for p in (directory, *directory.parents) if p.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    ok = free_gb >= needed_gb
    mend = "" if ok else f"du -sh {directory}/* and remove old nights, or set PYROS_DATA to a larger disk"
    return Finding("disk space", ok, f"{free_gb:.1f} GB free for {directory}, needs {needed_gb:.1f}", mend)


def iers(now: datetime | None = None) -> Finding:
    """Check that the installed Earth rotation data (IERS Bulletin A) reach to now.

    :param now: the moment they must hold; now if left out
    """
    table = astropy_iers.IERS_A.open(astropy_iers.IERS_A_FILE)
    last = Time(table["MJD"][-1], format="mjd").to_datetime(timezone=UTC)
    measured = Time(table.meta["predictive_mjd"], format="mjd").to_datetime(timezone=UTC)
    what = f"measured to {measured:%Y-%m-%d}, predicted to {last:%Y-%m-%d}"
    if (now or datetime.now(UTC)) <= last:
        return Finding("IERS data", True, what)
    # |UT1 - UTC| is kept below 0.9 s, and the Earth turns by 15 arcseconds in a second.
    what += ": later altitudes and azimuths are up to 14 arcseconds off"
    return Finding("IERS data", False, what, "pip install --upgrade astropy-iers-data")


def clock(
    wall: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
    synchronised: Callable[[], bool | None] | None = None,
) -> Finding:
    """Check that the system's clock is later than this program, runs evenly, and is kept by NTP.

    :param wall: unix seconds
    :param steady: seconds that never jump
    :param synchronised: whether the system keeps the clock synchronised; None if that can't be told
    """
    mend = "sudo timedatectl set-ntp true"
    written_s = Path(__file__).stat().st_mtime
    wall_s, steady_s = wall(), steady()
    if wall_s < written_s - 86400:
        return Finding("clock", False, f"says {_utc(wall_s)}, but this program is of {_utc(written_s)}", mend)
    time.sleep(_RATE_SAMPLE_S)
    jump_s = (wall() - wall_s) - (steady() - steady_s)
    if abs(jump_s) > _RATE_SAMPLE_S / 2:
        return Finding("clock", False, f"jumped by {jump_s:+.3f} s while it was watched", mend)
    known = (synchronised or _synchronised)()
    if known is None:
        return Finding("clock", None, "can't tell whether it is synchronised", "timedatectl timesync-status")
    if not known:
        # Not a fault by itself: a container or virtual machine may have its time from its host.
        return Finding("clock", None, "runs evenly, but the system does not vouch for it: no NTP", mend)
    return Finding("clock", True, "synchronised, runs evenly")


def _utc(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(sep=" ", timespec="seconds")


def _synchronised() -> bool | None:
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
