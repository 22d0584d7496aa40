"""When a packet says that something happened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import erfa

from pyros_kernel.alerts.tree import Element, child, child_text, within

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_SCALES = ("TDB", "TT", "TAI", "GPS")
_TT_AHEAD_OF_TAI_S = 32.184
_GPS_BEHIND_TAI_S = 19.0
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC), 2451545.0
# (from when, TAI − UTC in seconds): whole leap seconds, from 1972 on.  astropy.time uses the same table, but
# warns of years for which it could still grow.
_LEAPS = [
    (datetime(int(row["year"]), int(row["month"]), 1, tzinfo=UTC), float(row["tai_utc"]))
    for row in erfa.leap_seconds.get()
    if row["year"] >= 1972
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the packet tells it.

    :param text: its own words
    :param utc: what they mean; None if there are none, or no such date
    :param problem: why ``utc`` is None although there is a text
    """

    text: str
    utc: datetime | None
    problem: str = ""


def read_moment(root: Element) -> Moment:
    """Read the time of a VOEvent's event; an impossible date is no error."""
    where = child(root, "WhereWhen")
    coords = None if where is None else within(where, "ObservationLocation", "AstroCoords")
    text = "" if coords is None else _text(coords)
    if not text:
        return Moment("", None)
    try:
        return Moment(text, to_utc(text, _scale(where, coords)))
    except ValueError as error:
        return Moment(text, None, f"the event's time {text!r} can't be: {error}")


def _text(coords: Element) -> str:
    """Give the time's own words; of an interval (VOEvent 2.1) its beginning."""
    instant = child_text(coords, "Time", "TimeInstant", "ISOTime")
    return instant or child_text(coords, "Time", "TimeInterval", "ISOTimeStart") or ""


def to_utc(text: str, scale: str = "UTC") -> datetime:
    """Bring an ISO 8601 time, in one of the VOEvent time scales, to UTC.

    :param scale: UTC, TDB, TT, TAI or GPS
    :raises ValueError: if there is no such time
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("it is not written as 2026-11-22T13:45:00.123")
    *fields, fraction, zone = match.groups()
    year, month, day, hour, minute, second = map(int, fields)
    if second > 60:
        raise ValueError("a minute has no such second")
    # A leap second is counted on into the next minute, which datetime can hold.
    try:
        at = datetime(year, month, day, hour, minute, tzinfo=UTC)
        at += timedelta(seconds=second, microseconds=round(float(f"0.{fraction or 0}") * 1e6)) - _offset(zone)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if scale == "UTC":
        return at
    return _from_tai(at - timedelta(seconds=_ahead_of_tai_s(at, scale)))


def _ahead_of_tai_s(at: datetime, scale: str) -> float:
    if scale == "TAI":
        return 0.0
    if scale == "GPS":
        return -_GPS_BEHIND_TAI_S
    if scale == "TT":
        return _TT_AHEAD_OF_TAI_S
    epoch, epoch_jd = _J2000
    # At the geocentre, where neither the time of day nor the longitude matters.
    days = (at - epoch).total_seconds() / 86400
    return _TT_AHEAD_OF_TAI_S + float(erfa.dtdb(epoch_jd, days, 0.0, 0.0, 0.0, 0.0))


def _from_tai(tai: datetime) -> datetime:
    for since, leap_s in reversed(_LEAPS):
        if (utc := tai - timedelta(seconds=leap_s)) >= since:
            return utc
    raise ValueError(f"before {_LEAPS[0][0].year} other time scales can't be brought to UTC")


def _offset(zone: str | None) -> timedelta:
    if zone in {None, "Z"}:
        return timedelta()
    assert zone is not None
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    size = timedelta(hours=hours, minutes=minutes)
    return -size if zone[0] == "-" else size


def _scale(where: Element, coords: Element) -> str:
    """Read the time scale from a coordinate system's name: ``TDB-ICRS-BARY``, ``FK5-UTC-GEO``.

    VOEvent 2.1 says it in an element of its own, with the time or with the system.
    """
    system = child(where, "ObsDataLocation", "ObservationLocation", "AstroCoordSystem")
    names = (
        child_text(coords, "Time", "TimeInstant", "TimeScale"),
        None if system is None else child_text(system, "TimeFrame", "TimeScale"),
        coords.get("coord_system_id"),
        None if system is None else system.get("id"),
    )
    words = "-".join(name for name in names if name).split("-")
    return next((word for word in words if word in _SCALES), "UTC")
