"""What every instrument is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, Self, TypeVar

S_co = TypeVar("S_co", covariant=True)

DEADLINE_S = 1.8  # real seconds a call may take if nobody says otherwise: within two it is known that nobody is there


class Instrument(ABC, Generic[S_co]):
    """A device that can be reached, read and aborted.

    Every call has a deadline in real seconds.  All methods may be called from any thread.

    :param name: name of the device in the store, used in every message
    :param address: where it is, e.g. ``pyros://127.0.0.1:11110/TELESCOPE``
    """

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the link stands now."""

    @property
    @abstractmethod
    def last_state(self) -> S_co | None:
        """The last state that was read; look at its readings' ages."""

    @abstractmethod
    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once.

        :raises NotConnected: if nobody answers there
        """

    @abstractmethod
    def state(self, timeout_s: float = DEADLINE_S) -> S_co:
        """Read the state from the device.

        :raises InstrumentError: if it can't be read
        """

    @abstractmethod
    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop whatever moves or exposes; works while another call waits.

        :raises InstrumentError: if the device did not confirm
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Give the link back; the device goes on with what it does."""

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.disconnect()
