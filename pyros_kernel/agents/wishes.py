"""What people want of the night, apart from what is possible."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wishes:
    """Whether to observe, and whether to hold; written by commands, read by the night's machine.

    :param observe: whether a night is wanted
    :param paused: why observing is to hold, or empty
    :param stop_reason: why the night is to end, or ended
    :param lost: why this kernel does not command any more: it keeps its hands off
    :param ended: set once the night has ended and its report is written
    :param turn: held by the one machine that runs the night; the next one waits until it has closed
    """

    observe: bool = False
    paused: str = ""
    stop_reason: str = ""
    lost: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Ask for the night."""
        self.ended.clear()
        self.observe, self.paused, self.stop_reason = True, "", ""

    def stop(self, reason: str) -> None:
        """Ask to end the night now."""
        self.observe, self.stop_reason = False, reason

    def end(self) -> None:
        """Note that the night has come to its end."""
        self.observe = False
