"""What a panel needs of an observatory: its picture, and commands that return at once."""

from __future__ import annotations

from typing import Protocol

from pyros_kernel.snapshot import Snapshot


class Observed(Protocol):
    """An observatory as a panel sees it.

    All of it may be called from any thread; a command posts what is wanted and returns, a refusal raises.
    """

    def snapshot(self) -> Snapshot:
        """Give the whole observatory at one moment, cheaply."""
        ...

    def start(self) -> object:
        """Start the observatory."""
        ...

    def stop(self) -> object:
        """Stop the observatory."""
        ...

    def observe(self) -> object:
        """Begin the night."""
        ...

    def pause(self, reason: str) -> object:
        """Pause observing."""
        ...

    def resume(self) -> object:
        """Go on observing."""
        ...

    def stop_night(self, reason: str) -> object:
        """End the night: park and close."""
        ...

    def abort(self, reason: str) -> object:
        """Stop whatever moves or exposes, now."""
        ...
