"""Run the guardian: ``python -m pyros_kernel.safety.guardian JSON``; the kernel does it."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from pyros_kernel.safety.guardian.ear import connect
from pyros_kernel.safety.guardian.guardian import Duty, Guardian

_RELIEF_REAL_S = 3.0


def main(argv: list[str]) -> int:
    """Guard until the end; print READY when it listens.

    :param argv: one argument, a JSON object of a :class:`Duty`
    :return: exit code: 0 at the end, 2 for bad arguments
    """
    try:
        told = json.loads(argv[0])
        duty = Duty(Path(told.pop("data")), **told)
        _relieve(duty.data)
        guardian = Guardian(duty)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        sys.stderr.write(f"guardian: {type(error).__name__}: {error}\n")
        return 2

    def end(_number: int, _frame: FrameType | None) -> None:
        guardian.asked_to_end = True  # not before all is closed

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    guardian.run()
    return 0


def _relieve(directory: Path) -> None:
    """Send home whoever guards here already; two would be safe, but one is enough."""
    with contextlib.suppress(OSError), connect(directory, _RELIEF_REAL_S) as link:
        link.sendall(b"RELIEVE\n")
        deadline = time.monotonic() + _RELIEF_REAL_S
        while link.recv(4096) and time.monotonic() < deadline:
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
