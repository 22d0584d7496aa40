"""How long another thread may keep the interpreter's lock while an alert waits for it.

Whoever calls the system or the database lets go of the lock, and a busy cell takes it for a whole switch interval; an
alert does that some forty times on its way to the telescope.  Meanwhile the cell stands still, if it can be reached.
"""

from __future__ import annotations

import sys
import threading
from contextlib import AbstractContextManager
from types import TracebackType

from pyros_kernel.alerts.standstill import standstill

# While packets are only waited for: 200-340 ms pass to an acknowledgement beside a cell that prints, with Python's
# own 5 ms; 3-4 ms (measured) with this, which a cell does not feel.
WAITING_S = 0.001
# While one is on its way: a cell loses some per cent of its speed for these milliseconds.
HURRIED_S = 0.000_1

_guard = threading.Lock()
_claims: list[float] = []
_usual_s = 0.0


def claim(seconds: float) -> None:
    """Make the interpreter's switch interval as short as this, or shorter, until it is released."""
    global _usual_s
    with _guard:
        if not _claims:
            _usual_s = sys.getswitchinterval()
        _claims.append(seconds)
        sys.setswitchinterval(min(_usual_s, *_claims))


def release(seconds: float) -> None:
    """Take a claim back."""
    with _guard:
        _claims.remove(seconds)
        sys.setswitchinterval(min([_usual_s, *_claims]))


class _Hurried(AbstractContextManager[None]):
    def __enter__(self) -> None:
        claim(HURRIED_S)
        standstill.begin()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        standstill.end()
        release(HURRIED_S)


hurried = _Hurried()
