"""What stands behind the face of an instrument: one core per device, whatever its kind."""

from __future__ import annotations

from typing import Protocol, TypeVar

from instruments.instrument import DEADLINE_S, Instrument

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Core(Protocol[S_co]):
    """Hold the link to a device, and its last state."""

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        ...

    @property
    def last_state(self) -> S_co | None:
        """The last state that was read."""
        ...

    def describe(self) -> str:
        """Give the last state in words, with its age."""
        ...

    def connect(self, timeout_s: float) -> None:
        """Open a new link if none stands, and read the state once."""
        ...

    def state(self, timeout_s: float) -> S_co:
        """Read the state."""
        ...

    def abort(self, reason: str) -> None:
        """Stop the device."""
        ...

    def disconnect(self) -> None:
        """Give the link back."""
        ...


class CoreInstrument(Instrument[S]):
    """An instrument whose link, state and abort are those of its core; a face adds its verbs.

    :param core: the device's
    """

    def __init__(self, name: str, address: str, core: Core[S]) -> None:
        super().__init__(name, address)
        self.__core = core

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self.__core.connected

    @property
    def last_state(self) -> S | None:
        """The last state that was read."""
        return self.__core.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once."""
        self.__core.connect(timeout_s)

    def state(self, timeout_s: float = DEADLINE_S) -> S:
        """Read the state from the device."""
        return self.__core.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop whatever moves or exposes."""
        self.__core.abort(reason)

    def disconnect(self) -> None:
        """Give the link back."""
        self.__core.disconnect()
