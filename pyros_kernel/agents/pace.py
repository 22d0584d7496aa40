"""How often an agent does each of its actions, so that one that goes round in circles is seen."""

from __future__ import annotations

import time
from collections import Counter

_LOOP_PER_S = 200.0  # no message of an observatory comes so often for so long …
_LOOP_S = 2.5  # … and a Watcher that looks every second tells within 4 s: at its third look after the first


class Pace:
    """The actions of one agent, counted by message."""

    def __init__(self) -> None:
        self._done: Counter[str] = Counter()
        self._since: dict[str, tuple[float, int]] = {}

    def note(self, message: str) -> None:
        """Count an action."""
        self._done[message] += 1

    def loop(self) -> tuple[str, float]:
        """Look at the counts; call it about every second.

        :return: a message whose action was done again and again for seconds, and how often per second; or nothing
        """
        now_s = time.monotonic()
        for message, count in list(self._done.items()):
            began_s, before = self._since.setdefault(message, (now_s, count))
            rate = (count - before) / max(now_s - began_s, 1e-3)
            if rate < _LOOP_PER_S:
                self._since[message] = now_s, count
            elif now_s - began_s >= _LOOP_S:
                return message, rate
        return "", 0.0
