"""What a dome is: a shutter that protects the telescope, and a slit that follows it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from astropy import units as u
from astropy.time import Time

from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


class Shutter(StrEnum):
    """Where the shutter is, by its limit switches."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DomeState:
    """What a dome says of itself.

    :param shutter: where the shutter is, by its limit switches
    :param azimuth: of the slit, from north through east, degrees
    :param moving: whether it rotates now
    """

    shutter: Reading[Shutter]
    azimuth: Reading[float]
    moving: Reading[bool]

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.shutter.time


class Dome(Instrument[DomeState]):
    """Open, close and turn a dome.

    Only ``pyros_kernel.safety`` may hold one of these directly: its gate opens nothing without a fresh
    SAFE verdict.
    """

    @abstractmethod
    def open(self) -> Operation[DomeState]:
        """Open the shutter."""

    @abstractmethod
    def close(self) -> Operation[DomeState]:
        """Close the shutter; always sent, whatever the last state said."""

    @abstractmethod
    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        """Turn the slit to ``azimuth`` (from north through east)."""
