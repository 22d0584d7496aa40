"""Constraints by name, as users write them: in a request list, in a sequence's row, in a site's row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from itertools import pairwise
from math import isfinite
from typing import Any, cast
from zoneinfo import ZoneInfo

from astropy.time import Time

from pyros_kernel.scheduling.constraints.moonlight import MoonAvoidance, MoonSeparation
from pyros_kernel.scheduling.constraints.position import AirmassCurve, AwayFromMeridian, HorizonMask, HourAngle
from pyros_kernel.scheduling.constraints.timing import LocalTime, PhaseOfPeriod
from pyros_kernel.scheduling.constraints.view import Constraint
from pyros_kernel.scheduling.constraints.weather import SEEINGS, TRANSPARENCIES, SeeingBelow, TransparencyAbove

_Words = list[str]


def read_constraints(given: Mapping[str, Any], zone: str = "UTC") -> tuple[Constraint, ...]:
    """Make constraints of what somebody wrote, such as ``{"hour_angle_h": [-3, 3], "transparency": "clear"}``.

    A value is a number, a list, or a text with blanks between its parts and a colon inside a pair: ``1:1 2:0.5``.

    :param zone: time zone of a local time that names none
    :raises ValueError: naming what is not understood
    """
    if unknown := sorted(set(given) - set(CONSTRAINTS)):
        raise ValueError(f"no such constraint: {', '.join(unknown)}; there is {', '.join(CONSTRAINTS)}")
    out: list[Constraint] = []
    for name, value in given.items():
        try:
            out.append(CONSTRAINTS[name](_words(value), zone))
        except (ValueError, IndexError, LookupError, TypeError, OSError) as error:
            raise ValueError(f"{name}: {value!r} is not understood: {error}; write {_FORMS[name]}") from None
    return tuple(out)


def _words(value: Any) -> _Words:
    """Give the parts of a value as texts; those of a pair with a colon between them."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple):
        parts = cast("list[Any]", value)
        return [
            ":".join(str(x) for x in cast("list[Any]", p)) if isinstance(p, list | tuple) else str(p) for p in parts
        ]
    return [str(value)]


def _numbers(words: _Words, least: int, most: int) -> list[float]:
    if not least <= len(words) <= most:
        raise ValueError(f"{len(words)} values")
    return [_number(word) for word in words]


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None
    if not isfinite(number):
        raise ValueError(f"{word} is no finite number")
    return number


def _points(words: _Words, least: int) -> tuple[tuple[float, float], ...]:
    points = [tuple(_numbers(w.split(":"), 2, 2)) for w in words]
    if len(points) < least:
        raise ValueError(f"{len(points)} points")
    if any(a[0] >= b[0] for a, b in pairwise(points)):
        raise ValueError("its points are not in order")
    return tuple((a, b) for a, b in points)


def _hour_angle(words: _Words, zone: str) -> Constraint:
    first, last = _numbers(words, 2, 2)
    if not -12 <= first < last <= 12:
        raise ValueError("the first must be the smaller, both within -12 and 12")
    return HourAngle(first, last)


def _meridian(words: _Words, zone: str) -> Constraint:
    return AwayFromMeridian(_positive(words))


def _airmass(words: _Words, zone: str) -> Constraint:
    points = _points(words, 1)
    if points[0][0] < 1 or any(not 0 <= share <= 1 for _, share in points):
        raise ValueError("an airmass is 1 or more, a share 0 to 1")
    return AirmassCurve(points)


def _horizon(words: _Words, zone: str) -> Constraint:
    points = _points(words, 1)
    if any(not (0 <= azimuth <= 360 and -10 <= altitude <= 90) for azimuth, altitude in points):
        raise ValueError("an azimuth is 0 to 360, an altitude -10 to 90")
    return HorizonMask(points)


def _moon_avoidance(words: _Words, zone: str) -> Constraint:
    return MoonAvoidance(*_numbers(words, 1, 4))


def _moon_separation(words: _Words, zone: str) -> Constraint:
    return MoonSeparation(*_numbers(words, 1, 2))


def _seeing(words: _Words, zone: str) -> Constraint:
    if len(words) == 1 and words[0] in SEEINGS:
        return SeeingBelow(SEEINGS[words[0]])
    return SeeingBelow(_positive(words))


def _transparency(words: _Words, zone: str) -> Constraint:
    if len(words) == 1 and words[0] in TRANSPARENCIES:
        return TransparencyAbove(TRANSPARENCIES[words[0]])
    (limit,) = _numbers(words, 1, 1)
    if not 0 <= limit <= 1:
        raise ValueError("a transparency is 0 to 1")
    return TransparencyAbove(limit)


def _local_time(words: _Words, zone: str) -> Constraint:
    if not 2 <= len(words) <= 3:
        raise ValueError(f"{len(words)} values")
    where = words[2] if len(words) == 3 else zone
    ZoneInfo(where)  # refused now, not while a night is planned
    return LocalTime(where, time.fromisoformat(words[0]), time.fromisoformat(words[1]))


def _phase(words: _Words, zone: str) -> Constraint:
    if len(words) != 4:
        raise ValueError(f"{len(words)} values")
    period_s, first, last = _numbers([words[0], *words[2:]], 3, 3)
    if not (period_s > 0 and 0 <= first <= 1 and 0 <= last <= 1 and first != last):
        raise ValueError("the period must be positive, and a phase 0 to 1")
    epoch = words[1].removesuffix("Z").replace("+00:00", "")
    return PhaseOfPeriod(period_s, float(Time(epoch, scale="utc").unix), first, last)


def _positive(words: _Words) -> float:
    (number,) = _numbers(words, 1, 1)
    if number <= 0:
        raise ValueError("it must be more than 0")
    return number


CONSTRAINTS: Mapping[str, Callable[[_Words, str], Constraint]] = {
    "hour_angle_h": _hour_angle,
    "meridian_min": _meridian,
    "airmass_curve": _airmass,
    "horizon_mask": _horizon,
    "moon_avoidance": _moon_avoidance,
    "moon_up_separation": _moon_separation,
    "seeing": _seeing,
    "transparency": _transparency,
    "local_time": _local_time,
    "phase": _phase,
}
_FORMS = {
    "hour_angle_h": "the first and last hour angle, as -3 3",
    "meridian_min": "the minutes from the meridian",
    "airmass_curve": "airmass:share, in order of airmass, as 1:1 1.5:0.8 2:0.3",
    "horizon_mask": "azimuth:altitude in degrees, in order of azimuth, as 0:25 90:40 180:20",
    "moon_avoidance": "degrees at full Moon, and days from full until half of that, as 60 7",
    "moon_up_separation": "degrees, and the lit share above which they are asked, as 30 0.5",
    "seeing": f"the largest FWHM at the target in arcsec, or {', '.join(SEEINGS)}",
    "transparency": f"the least share 0 to 1, or {', '.join(TRANSPARENCIES)}",
    "local_time": "two times of the day and a zone, as 22:00 02:30 Europe/Paris",
    "phase": "period in seconds, a moment of phase 0 in UTC, first and last phase, as 7200 2026-11-22T03:00:00 0.9 0.1",
}
