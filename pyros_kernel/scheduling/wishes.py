"""What a sequence's row asks for beside its limits: further constraints, and a target that moves."""

from __future__ import annotations

from pyros_kernel.scheduling.constraints import Constraint, read_constraints
from pyros_kernel.scheduling.ephemeris import moving_of
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.store import Sequence, Site

_MOON_LIT = "max_moon_illumination"  # a limit of the block, though it stands among the constraints


def further(sequence: Sequence, site: Site) -> tuple[float | None, tuple[Constraint, ...]]:
    """Give the largest lit share of the Moon, None for any, and the further constraints: the site's, then its own.

    :raises ValueError: naming what is not understood
    """
    own = dict(sequence.constraints or {})
    lit = own.pop(_MOON_LIT, None)
    if lit is not None and not 0 <= float(lit) <= 1:
        raise ValueError(f"{_MOON_LIT}: a lit share is 0 to 1, got {lit}")
    everywhere = read_constraints(site.constraints or {}, site.timezone)
    return None if lit is None else float(lit), (*everywhere, *read_constraints(own, site.timezone))


def place_at(sequence: Sequence, sky: Sky, unix_s: float) -> tuple[float, float]:
    """Give where a sequence's target is at a moment: right ascension and declination in degrees, ICRS.

    Outside its ephemeris, which a night that runs late may reach, it is where the nearest end of that has it.
    """
    moving = moving_of(sequence.ephemeris, sky)
    if moving is None:
        return sequence.ra_deg, sequence.dec_deg
    first, last = moving.span
    return moving.icrs_deg(sky, min(max(unix_s, first), last))
