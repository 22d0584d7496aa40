"""Whether the other side is alive."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT_S = 0.1  # between two looks of who can't wait for the time that look() names
# A dead link is seen after 1.8 s: quiet, then silent; one that dies just after it answered a heartbeat, after 2.4 s.
# (To look as soon as a link is quiet again doubles the heartbeats, and gives up more links on a busy machine.)  A
# device that is asked every second how it is gets no more than one heartbeat in between.
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
        self._look_s = self._heard_s + _QUIET_S  # when to look next
        self._asked_s: float | None = None

    def heard(self) -> None:
        """Take note of a sign of life."""
        self._heard_s = time.monotonic()
        self._asked_s = None

    def look(self) -> float:
        """Ask, or give up.

        :return: real seconds until it is time for the next look; earlier ones do no harm
        :raises TimeoutError: if the other side did not answer the heartbeat
        """
        now = time.monotonic()
        slept = now > self._look_s + _LATE_S
        if slept:
            # This process did not run for a while: the other side may have spoken, and must not be blamed.
            self._heard_s, self._asked_s = now, None
        elif self._asked_s is not None:
            if now - self._asked_s >= _SILENT_S:
                raise TimeoutError(f"silent for {now - self._heard_s:.1f} s, even to a heartbeat")
        elif now - self._heard_s >= _QUIET_S:
            self._asked_s = now
            self._ask()
        next_s = self._heard_s + _QUIET_S if self._asked_s is None else self._asked_s + _SILENT_S
        self._look_s = max(next_s, now)
        return self._look_s - now
