"""Whether the telescope may look at a target now, and what lies at a place over the site."""

from __future__ import annotations

from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord

from pyros_kernel.recipes.target import Target
from pyros_kernel.scheduling import Block, observable
from pyros_kernel.services import Services

NIGHT_DEG = -12.0  # nautical twilight: brighter than that nothing but flats can be taken
_FOR_S = 1.0  # what is asked is whether it is up now


def why_not_up(target: Target, services: Services, sun_limit_deg: float = NIGHT_DEG) -> str:
    """Say why a target can't be observed now (altitude, twilight), or nothing.

    :param sun_limit_deg: altitude of the Sun above which it is too bright
    """
    block = Block(
        target.name,
        target.ra_deg,
        target.dec_deg,
        duration_s=_FOR_S,
        min_altitude_deg=services.site.min_altitude_deg,
        max_sun_altitude_deg=sun_limit_deg,
    )
    seen = observable(block, services.sky, services.clock.unix_s())
    return "" if seen.ok else f"{target.name} can't be observed now: {seen.reason}"


def place_at(alt_deg: float, az_deg: float, services: Services) -> list[float]:
    """Turn a place over the site into ICRS degrees, as it stands now."""
    site = services.site
    location = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    frame = AltAz(alt=alt_deg * u.deg, az=az_deg * u.deg, obstime=services.clock.now(), location=location)
    icrs = SkyCoord(frame).icrs
    return [float(icrs.ra.deg), float(icrs.dec.deg)]
