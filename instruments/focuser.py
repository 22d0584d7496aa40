"""What a focuser is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from astropy.time import Time

from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


@dataclass(frozen=True, slots=True)
class FocuserState:
    """What a focuser says of itself.

    :param position: steps of its motor, from the inner stop
    :param moving: whether it moves now
    :param limits: lowest and highest position, steps
    :param temperature: of its own sensor, degrees Celsius; None for one without a sensor
    """

    position: Reading[float]
    moving: Reading[bool]
    limits: tuple[float, float]
    temperature: Reading[float] | None = None

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.position.time


class Focuser(Instrument[FocuserState]):
    """Move the focus."""

    @abstractmethod
    def move_to(self, position_steps: int) -> Operation[FocuserState]:
        """Move to a position; a count of motor steps has no unit.

        :raises Rejected: if it lies beyond the focuser's limits
        """
