"""Where an observatory stands, and which night a moment belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import astropy.units as u
from astropy.coordinates import EarthLocation
from astropy.time import Time

DAY_S = 86400.0


class HasLocation(Protocol):
    """Anything with an astropy location, as astroplan's ``Observer``."""

    @property
    def location(self) -> EarthLocation:
        """Where it is."""
        ...


class HasDegrees(Protocol):
    """Anything that says where it is in plain numbers, as the store's ``Site``."""

    latitude_deg: float
    longitude_deg: float
    elevation_m: float


Place = EarthLocation | HasLocation | HasDegrees


def location_of(place: Place) -> EarthLocation:
    """Give the astropy location of a place.

    :param place: an ``EarthLocation``, an object with ``location`` (astroplan's ``Observer``), or one with
        ``latitude_deg``, ``longitude_deg`` (east) and ``elevation_m`` (the store's ``Site``)
    :raises TypeError: if it is none of these
    """
    if isinstance(place, EarthLocation):
        return place
    location = getattr(place, "location", None)
    if isinstance(location, EarthLocation):
        return location
    try:
        lat, lon, height = (float(getattr(place, n)) for n in ("latitude_deg", "longitude_deg", "elevation_m"))
    except (AttributeError, TypeError) as e:
        raise TypeError(
            f"{place!r} is no place: give an EarthLocation, an object with .location, or one with "
            "latitude_deg, longitude_deg and elevation_m"
        ) from e
    return EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)


def night_name(when: Time | datetime | float, place: Place | float) -> str:
    """Name the night a moment belongs to by its evening date, ``YYYY-MM-DD``.

    A night's name holds from noon to noon of local mean solar time, so that it needs no time zone and no date
    line stands in the middle of a night.

    :param when: a Time, an aware datetime, or unix seconds
    :param place: the place, or its east longitude in degrees
    :raises ValueError: for a datetime without a zone
    """
    longitude = float(place) if isinstance(place, int | float) else float(location_of(place).lon.deg)
    local = datetime.fromtimestamp(_unix_s(when), UTC) + timedelta(hours=_wrapped(longitude) / 15 - 12)
    return local.date().isoformat()


def midnight_unix_s(name: str, longitude_deg: float) -> float:
    """Give the local mean solar midnight in the middle of a night.

    :param name: the evening date, ``YYYY-MM-DD``
    :raises ValueError: if the name is no date
    """
    try:
        evening = date.fromisoformat(name)
    except ValueError as e:
        raise ValueError(f"night {name!r} is no date: write the evening's date as YYYY-MM-DD") from e
    noon_utc = datetime(evening.year, evening.month, evening.day, tzinfo=UTC).timestamp()
    return noon_utc + DAY_S - _wrapped(longitude_deg) / 360 * DAY_S


def _wrapped(longitude_deg: float) -> float:
    return (longitude_deg + 180.0) % 360.0 - 180.0


def _unix_s(when: Time | datetime | float) -> float:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ValueError(f"a moment needs a zone, got {when!r}")
        return when.timestamp()
    return when if isinstance(when, int | float) else float(when.utc.unix)
