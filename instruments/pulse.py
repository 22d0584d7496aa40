"""Whether the other side is alive."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT_S = 0.1  # between two looks of who can't wait until ``due_s``
# A dead link is seen after 1.8 s: quiet, then silent.  A device that is asked every second how it is gets no more than
# one heartbeat in between.
_QUIET_S = 0.55
_SILENT_S = 1.2
_LATE_S = 0.3


class Pulse:
    """Ask for a sign of life when nothing was heard for a while; a half-open link gives none.

    :param ask: sends a heartbeat
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._heard_s = time.monotonic()
        self._asked_s: float | None = None

    @property
    def due_s(self) -> float:
        """When to look next, by the monotonic clock; earlier looks do no harm, and each sign of life puts it off."""
        return self._heard_s + _QUIET_S if self._asked_s is None else self._asked_s + _SILENT_S

    def heard(self) -> None:
        """Take note of a sign of life."""
        self._heard_s = time.monotonic()
        self._asked_s = None

    def look(self) -> None:
        """Ask, or give up.

        :raises TimeoutError: if the other side did not answer the heartbeat
        """
        now = time.monotonic()
        if now > self.due_s + _LATE_S:
            # This process did not run for a while: the other side may have spoken, and must not be blamed.
            self._heard_s, self._asked_s = now, None
        elif now >= self.due_s:
            if self._asked_s is not None:
                raise TimeoutError(f"silent for {now - self._heard_s:.1f} s, even to a heartbeat")
            self._asked_s = now
            self._ask()
