"""Whether the telescope may look at a target now."""

from __future__ import annotations

from pyros_kernel.recipes.target import Target
from pyros_kernel.scheduling import Block, observable
from pyros_kernel.services import Services

_SUN_DEG = -12.0  # nautical twilight: brighter than that nothing but flats can be taken
_FOR_S = 1.0  # what is asked is whether it is up now


def why_not_up(target: Target, services: Services) -> str:
    """Say why a target can't be observed now (altitude, twilight), or nothing."""
    block = Block(
        target.name,
        target.ra_deg,
        target.dec_deg,
        duration_s=_FOR_S,
        min_altitude_deg=services.site.min_altitude_deg,
        max_sun_altitude_deg=_SUN_DEG,
    )
    seen = observable(block, services.sky, services.clock.unix_s())
    return "" if seen.ok else f"{target.name} can't be observed now: {seen.reason}"
