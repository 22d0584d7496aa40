"""Run the drill: ``python -m drill``; ``--short`` in half a minute, ``--kills 100`` for the whole campaign."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from drill.disturbed import disconnected_night, full_disk
from drill.guard import killed_guardians, killed_kernels
from drill.measured import Measured, table
from drill.soak import nights_in_a_row
from drill.whole import busy_kernel, killed_nights


def run(
    kills: int, nights: int, busy: int, hold_s: int, seed: int, soak: int = 0, disturbed: bool = False
) -> list[Measured]:
    """Run the drills, and give what they found.

    :param kills: of the guarded kernel, and of the guardian
    :param nights: kills of a whole night's kernel
    :param disturbed: a night with a disconnect a minute on every device, and one whose disk is full for a while
    :param soak: whole nights in a row in one kernel
    :param busy: kernels that hold the interpreter for ``hold_s`` seconds
    """
    dice, found = random.Random(seed), list[Measured]()
    with tempfile.TemporaryDirectory(prefix="pyros-drill-") as name:
        for part in ("kernels", "guardians", "busy", "nights", "disk", "links", "soak"):
            directory = Path(name) / part
            directory.mkdir()
            match part:
                case "kernels" if kills:
                    found += killed_kernels(directory, kills, dice)
                case "guardians" if kills:
                    found += killed_guardians(directory, kills, dice)
                case "busy" if busy:
                    found += busy_kernel(directory, busy, hold_s)
                case "nights" if nights:
                    found += killed_nights(directory, nights, dice)
                case "disk" if disturbed:
                    found += full_disk(directory)
                case "links" if disturbed:
                    found += disconnected_night(directory, dice)
                case "soak" if soak:
                    found += nights_in_a_row(directory, soak)
                case _:
                    continue
    return found


def main() -> int:
    """Run the drill as asked; exit code 1 if a promise was not held."""
    parser = argparse.ArgumentParser("python -m drill", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of a guarded kernel and of the guardian")
    parser.add_argument("--nights", type=int, default=20, help="kills of the kernel of a whole night")
    parser.add_argument("--soak", type=int, default=24, help="whole nights in a row in one kernel")
    parser.add_argument("--busy", type=int, default=3, help="kernels that hold the interpreter while it rains")
    parser.add_argument("--disturbed", action=argparse.BooleanOptionalAction, default=True, help="links cut, disk full")
    parser.add_argument("--hold", type=int, default=60, help="for how many seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--short", action="store_true", help="two kills of each, one busy kernel")
    told = parser.parse_args()
    if told.short:
        told.kills, told.nights, told.busy, told.hold, told.soak, told.disturbed = 2, 1, 1, 8, 0, False
    found = run(told.kills, told.nights, told.busy, told.hold, told.seed, told.soak, told.disturbed)
    sys.stdout.write(table(found) + "\n")
    return 0 if all(m.held for m in found) else 1


if __name__ == "__main__":
    sys.exit(main())
