"""Whether the telescope may look at a target now, and what lies at a place over the site."""

from __future__ import annotations

from dataclasses import dataclass

from instruments.horizon import Horizon
from pyros_kernel.recipes.target import Target
from pyros_kernel.scheduling import Block, observable
from pyros_kernel.services import Services
from pyros_kernel.store import Sequence

NIGHT_DEG = -12.0  # nautical twilight: brighter than that nothing but flats can be taken
_LATE_DEG = 2.0  # what the Sun may rise, and the Moon come nearer, while a sequence runs late
_FOR_S = 1.0  # what is asked is whether it is up now


@dataclass(frozen=True, slots=True)
class Limits:
    """What of Sun and Moon keeps a target from being looked at, besides the site's least altitude.

    :param sun_deg: altitude of the Sun above which it is too bright
    :param moon_deg: distance from the Moon below which it is too bright
    """

    sun_deg: float = NIGHT_DEG
    moon_deg: float = 0.0

    @classmethod
    def of(cls, sequence: Sequence) -> Limits:
        """Give those of a sequence, a little wider: the planner kept them, and it may run late."""
        return cls(
            max(sequence.max_sun_altitude_deg, NIGHT_DEG) + _LATE_DEG,
            max(0.0, sequence.min_moon_separation_deg - _LATE_DEG),
        )


def why_not_up(target: Target, services: Services, limits: Limits | None = None) -> str:
    """Say why a target can't be observed now (altitude, twilight, Moon), or nothing."""
    limits = limits or Limits()
    block = Block(
        target.name,
        target.ra_deg,
        target.dec_deg,
        duration_s=_FOR_S,
        min_altitude_deg=services.site.min_altitude_deg,
        max_sun_altitude_deg=limits.sun_deg,
        min_moon_separation_deg=limits.moon_deg,
    )
    seen = observable(block, services.sky, services.clock.unix_s())
    return "" if seen.ok else f"{target.name} can't be observed now: {seen.reason}"


def place_at(alt_deg: float, az_deg: float, services: Services) -> list[float]:
    """Turn a place over the site into ICRS degrees, as it stands now, to about 0.02°."""
    horizon = Horizon(services.site.latitude_deg, services.site.longitude_deg)
    return list(horizon.radec_deg(alt_deg, az_deg, services.clock.unix_s()))
