"""What a telescope is: the pointing mount, and what can be asked of it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments.instrument import Instrument
from instruments.operation import Operation
from instruments.reading import Reading


class Motion(StrEnum):
    """What the mount is doing."""

    PARKED = "parked"
    IDLE = "idle"
    SLEWING = "slewing"
    TRACKING = "tracking"
    PARKING = "parking"


@dataclass(frozen=True, slots=True)
class TelescopeState:
    """What a telescope says of itself.

    :param motion: what the mount is doing
    :param position: where it points, ICRS
    :param altitude: altitude above the horizon, degrees
    :param azimuth: azimuth from north through east, degrees
    """

    motion: Reading[Motion]
    position: Reading[SkyCoord]
    altitude: Reading[float]
    azimuth: Reading[float]

    @property
    def time(self) -> Time:
        """When the device said so."""
        return self.motion.time


class Telescope(Instrument[TelescopeState]):
    """Point a telescope."""

    @abstractmethod
    def slew_to(self, target: SkyCoord) -> Operation[TelescopeState]:
        """Slew to ``target`` (any astropy frame) and track it; a later slew replaces one under way.

        :return: the running slew, which ends when the mount tracks within its tolerance of the target
        :raises Rejected: if the target is below the telescope's limits
        """

    @abstractmethod
    def park(self) -> Operation[TelescopeState]:
        """Slew to the park position and stay there."""

    @abstractmethod
    def unpark(self) -> None:
        """Make a parked mount ready to slew."""

    @abstractmethod
    def track(self, on: bool) -> None:
        """Start or stop following the sky."""

    @abstractmethod
    def sync(self, position: SkyCoord) -> None:
        """Tell the mount where it really points."""
