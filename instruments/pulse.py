"""Whether the other side is alive."""

from __future__ import annotations

import time
from collections.abc import Callable

# A dead link is seen after 1.8 s at the latest: quiet, a beat, silent, and another beat.
BEAT_S = 0.1
_QUIET_S = 0.4
_SILENT_S = 1.2


class Pulse:
    """Ask for a sign of life when nothing was heard for a while; a half-open link gives none.

    :param ask: sends a heartbeat
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._heard_s = self._looked_s = time.monotonic()
        self._asked_s: float | None = None

    def heard(self) -> None:
        """Take note of a sign of life."""
        self._heard_s = self._looked_s = time.monotonic()
        self._asked_s = None

    def look(self) -> None:
        """Ask, or give up.

        :raises TimeoutError: if the other side did not answer the heartbeat
        """
        now = time.monotonic()
        slept, self._looked_s = now - self._looked_s > 4 * BEAT_S, now
        if slept:
            # This process did not run for a while: the other side may have spoken, and must not be blamed.
            self._heard_s, self._asked_s = now, None
        elif self._asked_s is not None:
            if now - self._asked_s > _SILENT_S:
                raise TimeoutError(f"silent for {now - self._heard_s:.1f} s, even to a heartbeat")
        elif now - self._heard_s > _QUIET_S:
            self._asked_s = now
            self._ask()
