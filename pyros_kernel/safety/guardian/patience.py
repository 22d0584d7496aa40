"""How long a silent device is left alone, and since when it is silent."""

from __future__ import annotations

import time

_PAUSE_REAL_S = (0.2, 1.0)  # first and longest pause before a silent device is asked again


class Silent(Exception):
    """The device doesn't answer; says which, and why."""


class Said(Exception):
    """The device answered that it won't, or nonsense."""


class Patience:
    """Let a silent device delay nobody: it is asked again after pauses that grow.

    :param name: of the device
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pause_s, self._not_before_s = 0.0, 0.0
        self.silent_since_s: float | None = None

    def check(self, *, urgent: bool) -> None:
        """Let a question pass, or not.

        :param urgent: let it pass however silent the device was
        :raises Silent: if it was silent a moment ago
        """
        if not urgent and time.monotonic() < self._not_before_s:
            raise Silent(f"{self._name} was silent a moment ago")

    def heard(self) -> None:
        """Note an answer."""
        self._pause_s, self._not_before_s, self.silent_since_s = 0.0, 0.0, None

    def lost(self) -> None:
        """Note that none came."""
        now_s = time.monotonic()
        self.silent_since_s = self.silent_since_s or now_s
        first_s, longest_s = _PAUSE_REAL_S
        self._pause_s = min(max(first_s, 2 * self._pause_s), longest_s)
        self._not_before_s = now_s + self._pause_s
