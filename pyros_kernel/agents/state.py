"""How an agent is: its state, counters and last message, readable from any thread."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from pyros_kernel.clock import Clock
from pyros_kernel.signs import Signs

STARTING = "starting"
RUNNING = "running"
BUSY = "busy"
FAILED = "failed"
HUNG = "hung"
STOPPED = "stopped"
SHUTTING_DOWN = "shutdown()"  # shown as the action of an agent that ends


@dataclass(slots=True)
class Record:
    """What an agent remembers of itself; single attributes, each written whole.

    :param clock: the observatory's clock
    :param phase: what its thread does: starting, running, failed or stopped
    :param phase_began_s: reading of ``time.monotonic()`` when that began
    :param since_s: observatory time of its start, unix seconds UTC
    :param action: the message whose action runs, and the reading of ``time.monotonic()`` when it began
    :param last_message_s: observatory time of the last message, unix seconds UTC
    :param signs: of life, of its thread
    """

    clock: Clock
    phase: str = STOPPED
    phase_began_s: float = 0.0
    since_s: float | None = None
    action: tuple[str, float] | None = None
    last_message: str = ""
    last_message_s: float | None = None
    errors: int = 0
    last_error: str = ""
    restarts: int = 0
    signs: Signs | None = None

    def enter(self, phase: str) -> None:
        """Note a new phase."""
        self.phase_began_s = time.monotonic()
        self.phase = phase

    def note_error(self, error: BaseException) -> None:
        """Count an error and keep it as the last."""
        self.errors += 1
        self.last_error = f"{type(error).__name__}: {error}"

    def state(self, silent_s: float, hang_s: float, stop_s: float) -> str:
        """Tell the state: starting, running, busy, failed, hung or stopped.

        :param silent_s: real seconds without a sign of life after which a running action counts as hung
        :param hang_s: real seconds after which it does whatever signs it gives
        :param stop_s: real seconds after which its end counts as hung
        """
        return HUNG if self.hangs(silent_s, hang_s, stop_s) else self._calm()

    def hangs(self, silent_s: float, hang_s: float, stop_s: float) -> str:
        """Tell in words why its action counts as hung; empty if it doesn't."""
        action = self.action
        if self.phase != RUNNING or action is None:
            return ""
        lasts_s = time.monotonic() - action[1]
        limit_s = stop_s if action[0] == SHUTTING_DOWN else hang_s
        if lasts_s > limit_s:
            return f"hangs in {action[0]} for more than {limit_s:g} s"
        if action[0] != SHUTTING_DOWN and min(lasts_s, self._silent_s()) > silent_s:
            return f"hangs in {action[0]}: no sign of life for more than {silent_s:g} s"
        return ""

    def _calm(self) -> str:
        return BUSY if self.phase == RUNNING and self.action is not None else self.phase

    def _silent_s(self) -> float:
        return 0.0 if self.signs is None else self.signs.silent_s()

    def inherit(self, older: Record) -> None:
        """Take over the counters of the agent that this one replaces."""
        self.errors, self.last_error = older.errors, older.last_error
        self.last_message, self.last_message_s = older.last_message, older.last_message_s
        self.restarts = older.restarts + 1

    def report(self, name: str, state: str, queue_depth: int) -> dict[str, Any]:
        """Describe it all in JSON values."""
        uptime_s = None if self.since_s is None else self.clock.unix_s() - self.since_s
        return {
            "name": name,
            "state": state,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since_s": self.since_s,
            "uptime_s": uptime_s,
            "action": self.action[0] if self.action else "",
            "last_message": self.last_message,
            "last_message_s": self.last_message_s,
            "queue_depth": queue_depth,
            "errors": self.errors,
            "last_error": self.last_error,
            "restarts": self.restarts,
        }
