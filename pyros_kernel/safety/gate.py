"""The gate: the only way to a dome, which opens nothing without a fresh SAFE verdict."""

from __future__ import annotations

from collections.abc import Callable

from astropy import units as u

from instruments import Dome, DomeState, Operation
from pyros_kernel.safety.verdict import Verdict


class Unsafe(Exception):
    """The dome was not opened; carries the verdict that forbids it."""

    def __init__(self, what: str, verdict: Verdict) -> None:
        super().__init__(f"{what} refused: {verdict}")
        self.verdict = verdict


class GatedDome(Dome):
    """A dome that asks for a verdict at the moment of each opening.

    :param dome: the dome behind the gate; nobody else may hold it
    :param verdict: judges now
    """

    def __init__(self, dome: Dome, verdict: Callable[[], Verdict]) -> None:
        super().__init__(dome.name, dome.address)
        self._dome = dome
        self._verdict = verdict

    def open(self) -> Operation[DomeState]:
        """Open the shutter.

        :raises Unsafe: unless the verdict is SAFE now
        """
        verdict = self._verdict()
        if not verdict.safe:
            raise Unsafe(f"{self.name}: opening", verdict)
        return self._dome.open()

    def close(self) -> Operation[DomeState]:
        """Close the shutter; never refused."""
        return self._dome.close()

    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        """Turn the slit to ``azimuth``."""
        return self._dome.move_to(azimuth)

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._dome.connected

    @property
    def last_state(self) -> DomeState | None:
        """The last state that was read."""
        return self._dome.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once."""
        self._dome.connect(timeout_s)

    def state(self, timeout_s: float = 2.0) -> DomeState:
        """Read the state from the device."""
        return self._dome.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop whatever moves."""
        self._dome.abort(reason)

    def disconnect(self) -> None:
        """Give the link back."""
        self._dome.disconnect()
