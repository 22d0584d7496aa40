"""What a rotator is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from astropy import units as u
from astropy.time import Time

from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


@dataclass(frozen=True, slots=True)
class RotatorState:
    """What a rotator says of itself.

    :param angle: position angle, from north through east, degrees
    :param moving: whether it turns now
    """

    angle: Reading[float]
    moving: Reading[bool]

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.angle.time


class Rotator(Instrument[RotatorState]):
    """Turn the camera about the optical axis."""

    @abstractmethod
    def move_to(self, angle: u.Quantity) -> Operation[RotatorState]:
        """Turn to a position angle (from north through east).

        :raises Rejected: if it lies beyond the rotator's limits
        """
