"""When to start an agent again, and when to give up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How patient the Watcher is, in real seconds.

    :param first_s: wait before the first restart; each further one waits twice as long
    :param longest_s: the longest wait
    :param limit: how many restarts within ``window_s`` are enough to give up
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    limit: int = 5
    window_s: float = 600.0


class Patience:
    """The restarts of one agent, counted."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._restarts: deque[float] = deque()

    def wait_s(self, now_s: float) -> float | None:
        """Tell how long to wait before the next restart.

        :param now_s: reading of ``time.monotonic()``
        :return: real seconds, or None: give up
        """
        while self._restarts and now_s - self._restarts[0] > self._policy.window_s:
            self._restarts.popleft()
        count = len(self._restarts)
        if count >= self._policy.limit:
            return None
        return min(self._policy.first_s * 2**count, self._policy.longest_s)

    def note(self, now_s: float) -> None:
        """Count a restart."""
        self._restarts.append(now_s)
