"""Values that know when and where they were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from astropy import units as u
from astropy.time import Time

from instruments.clock import to_unix_s

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """A value from an instrument, with its unit, the source's own time of it, and the source's name.

    :param value: the value, a plain float where it has a unit
    :param unit: unit of the value; None for words, booleans and coordinates
    :param time: when the source measured it, by the source's own clock
    :param source: name of the device that said so
    """

    value: T_co
    unit: u.UnitBase | None
    time: Time
    source: str

    @property
    def quantity(self) -> u.Quantity:
        """The value with its unit."""
        return u.Quantity(self.value, self.unit)

    def age_s(self, now: Time) -> float:
        """Tell how old the reading is, in seconds; negative for one from the future."""
        return to_unix_s(now) - to_unix_s(self.time)

    def is_fresh(self, now: Time, max_age_s: float) -> bool:
        """Tell whether the reading may be trusted: not older than ``max_age_s``, and not from the future."""
        return -max_age_s <= self.age_s(now) <= max_age_s
