"""What a night stands on, killed under it: the simulators of its instruments, and its PostgreSQL server."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from astropy.time import Time
from sqlalchemy.exc import DBAPIError

from drill.kernel import GOES_ON_S, Kernel
from drill.measured import Measured
from drill.place import Late, until
from drill.witness import Frames, executing, images, in_one_only, lasting, plans_without_sequence, too_many
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store, StoreError

_BEGIN, _SPEED = "2022-09-30T03:00:00", 30.0
_LONGEST_S = 8.0
_READY_S = 30.0


def killed_simulators(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill all simulators of a night again and again, and start them again on their ports."""
    back = Measured(f"simulators of a night (×{_SPEED:g}) killed, and started again → the night goes on", GOES_ON_S)

    def strike(kernel: Kernel) -> None:
        os.kill(int(kernel.ask("state")["simulators"]), signal.SIGKILL)
        time.sleep(dice.uniform(0.0, 3.0))
        kernel.ask("simulators")

    with Kernel(directory, Clock(Time(_BEGIN), _SPEED)) as kernel:
        kernel.started()
        kernel.goes_on()
        with closing(Store.open(f"sqlite:///{directory / 'pyros.sqlite'}")) as store:
            return _struck(kernel, store, kills, dice, back, strike)


def restarted_database(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill the PostgreSQL server of a night again and again, and start it again."""
    back = Measured(f"PostgreSQL of a night (×{_SPEED:g}) killed, and started again → the night goes on", GOES_ON_S)
    try:
        with (
            _cluster() as (url, restart),
            Kernel(directory, Clock(Time(_BEGIN), _SPEED), {"PYROS_DATABASE_URL": url}) as kernel,
        ):
            kernel.started()
            kernel.goes_on()
            with closing(Store.open(url)) as store:
                return _struck(kernel, store, kills, dice, back, lambda _: restart(dice.uniform(0.0, 3.0)))
    except (Late, OSError, subprocess.CalledProcessError) as error:
        back.violations.append(str(error))
        return [back]


def _struck(
    kernel: Kernel, store: Store, kills: int, dice: random.Random, back: Measured, strike: Callable[[Kernel], None]
) -> list[Measured]:
    rows = Measured("… and no row is executing without somebody who executes it")
    kept = Measured("… and every frame is on disk and in the store, none there twice")

    def nobodys() -> set[int]:
        there = set(executing(store))
        return there - {kernel.ask("state")["running"]} if there else there

    def looked() -> bool:
        try:
            executing(store)
        except (DBAPIError, StoreError):
            return False
        return True

    for number in range(1, kills + 1):
        time.sleep(dice.uniform(0.0, _LONGEST_S))
        before = images(store)
        for measured in (back, rows, kept):
            measured.runs += 1
        try:
            strike(kernel)
            began_s = time.monotonic()
            until(looked, "the store answers")
            kernel.goes_on()
            back.seconds.append(time.monotonic() - began_s)
            rows.violations += [f"kill {number}: sequence {i} executes" for i in sorted(lasting(nobodys))]
            rows.violations += [
                f"kill {number}: plan {i} executes" for i in lasting(lambda: plans_without_sequence(store))
            ]
            until(lambda b=before: images(store) > b, "another image", 60.0)
        except Late as error:
            back.violations.append(f"kill {number}: {error}")
        kept.violations += [f"kill {number}: {p}" for p in sorted(lasting(lambda: in_one_only(kernel.data, store)))]
        kept.violations += [
            f"kill {number}: {p}" for p in sorted(lasting(lambda: set(Frames.missing(kernel.data, store))))
        ]
        kept.violations += [f"kill {number}: {what}" for what in too_many(store)]
    kernel.stop()
    return [back, rows, kept]


@contextmanager
def _cluster() -> Generator[tuple[str, Callable[[float], None]]]:
    """Run a PostgreSQL server of our own on a free port; give its address, and how to kill and restart it."""
    programs = [shutil.which(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        raise FileNotFoundError("initdb and pg_ctl are missing: install postgresql")
    initdb, pg_ctl = (str(program) for program in programs)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # Not below a directory that only we may enter: PostgreSQL refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="pyros-drill-pg-", ignore_cleanup_errors=True) as name:
        directory, as_user = Path(name), list[str]()
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
            as_user = ["/usr/sbin/runuser", "-u", "postgres", "--"]
        base, log = directory / "base", directory / "log"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
        start = (pg_ctl, "-D", str(base), "-l", str(log), "-o", options, "-w", "-t", f"{_READY_S:g}", "start")

        def run(*words: str, check: bool = True) -> bool:
            said = subprocess.DEVNULL
            return not subprocess.run([*as_user, *words], check=check, stdout=said, stderr=said, cwd="/").returncode

        def restart(after_s: float) -> None:
            os.kill(int((base / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            time.sleep(after_s)
            # It refuses as long as one process of the old server has not noticed that it is alone.
            until(lambda: run(*start, check=False), "the server starts again", _READY_S)

        run(initdb, "-D", str(base), "-U", "pyros", "--auth=trust", "--no-sync")
        run(*start)
        try:
            yield f"postgresql://pyros@127.0.0.1:{port}/postgres", restart
        finally:
            run(pg_ctl, "-D", str(base), "-m", "immediate", "-w", "stop")
