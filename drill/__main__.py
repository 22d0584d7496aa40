"""Run the drill: ``python -m drill``, a good hour; ``--short`` in a minute, ``--only nights`` a part of it."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from drill.below import killed_simulators, restarted_database
from drill.busy import busy_kernel
from drill.disturbed import disconnected_night, full_disk
from drill.guard import killed_guardians, killed_kernels
from drill.measured import Measured, table
from drill.nights import killed_nights
from drill.soak import nights_in_a_row
from drill.workers import killed_workers

Part = Callable[[Path, random.Random], list[Measured]]


def parts(kills: int, nights: int, hold_s: int) -> dict[str, Part]:
    """Give the parts of the campaign by name.

    :param kills: of the kernel of a night, of a guarded kernel, of the guardian, of a worker; fewer of what is slow
    :param nights: whole nights in a row
    :param hold_s: how long a cell holds the interpreter
    """
    few = max(1, kills // 5)
    return {
        "nights": lambda where, dice: killed_nights(where, kills, dice),
        "kernels": lambda where, dice: killed_kernels(where, kills, dice),
        "guardians": lambda where, dice: killed_guardians(where, kills, dice),
        "workers": lambda where, dice: killed_workers(where, kills, dice),
        "simulators": lambda where, dice: killed_simulators(where, few, dice),
        "database": lambda where, dice: restarted_database(where, few, dice),
        "disk": lambda where, _: full_disk(where),
        "busy": lambda where, _: busy_kernel(where, max(1, kills // 30), hold_s),
        "links": lambda where, dice: disconnected_night(where, dice),
        "soak": lambda where, _: nights_in_a_row(where, nights),
    }


SHORT = ("kernels", "guardians", "busy")


def run(wanted: Mapping[str, Part], seed: int) -> list[Measured]:
    """Run parts of the campaign one after the other, and give what they found."""
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="pyros-drill-", ignore_cleanup_errors=True) as name:
        for part, drill in wanted.items():
            directory = Path(name) / part
            directory.mkdir()
            began, busy = datetime.now(UTC), os.getloadavg()[0]
            try:
                rows = drill(directory, random.Random(f"{seed} {part}"))
            except Exception as error:  # the other parts are still worth their hour
                logging.getLogger(__name__).exception("%s: the drill itself failed", part)
                rows = [Measured(f"{part}: the drill itself failed", violations=[f"{type(error).__name__}: {error}"])]
            found += rows
            took_s = (datetime.now(UTC) - began).total_seconds()
            _tell(f"{part}, {began:%Y-%m-%d %H:%M} UTC, {took_s:.0f} s, load {busy:.1f} → {os.getloadavg()[0]:.1f}")
            _tell(table(rows) + "\n")
    return found


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the drill as asked; exit code 1 if a promise was not held."""
    parser = argparse.ArgumentParser("python -m drill", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=100, help="of the kernel, the guardian, a worker; a fifth of others"
    )
    parser.add_argument("--soak", type=int, default=24, help="whole nights in a row in one kernel")
    parser.add_argument("--hold", type=int, default=60, help="for how many seconds a cell holds the interpreter")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", nargs="+", choices=sorted(parts(0, 0, 0)), help="these parts, in their order")
    parser.add_argument("--short", action="store_true", help="two kills of each, a cell busy for 8 s, nothing slow")
    told = parser.parse_args()
    if told.short:
        told.kills, told.hold, told.only = 2, 8, told.only or SHORT
    # The guardian's hundred deaths are meant, and counted in the table; nobody need read a line about each.
    logging.getLogger("pyros_kernel.safety").addHandler(logging.NullHandler())
    known = parts(told.kills, told.soak, told.hold)
    _tell(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    found = run({name: part for name, part in known.items() if name in (told.only or known)}, told.seed)
    _tell(table(found))
    return 0 if all(m.held for m in found) else 1


if __name__ == "__main__":
    sys.exit(main())
