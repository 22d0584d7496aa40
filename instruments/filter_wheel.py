"""What a filter wheel is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from astropy.time import Time

from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


@dataclass(frozen=True, slots=True)
class FilterWheelState:
    """What a filter wheel says of itself.

    :param filter: name of the filter in the beam, or of the last one while it turns
    :param filters: names of the filters it has, by slot
    :param moving: whether it turns now
    """

    filter: Reading[str]
    filters: tuple[str, ...]
    moving: Reading[bool]

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.filter.time


class FilterWheel(Instrument[FilterWheelState]):
    """Bring a filter into the beam."""

    @abstractmethod
    def set_filter(self, name: str) -> Operation[FilterWheelState]:
        """Bring the filter ``name`` into the beam.

        :raises Rejected: if the wheel has no such filter
        """
