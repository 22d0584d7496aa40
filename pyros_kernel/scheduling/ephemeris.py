"""Targets that move: tables of positions, and Solar-system bodies by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord, get_body, solar_system_ephemeris
from astropy.time import Time

# astropy is told there never to reach for the network
import instruments.clock  # noqa: F401  # pyright: ignore[reportUnusedImport]
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.sky import Sky

_STEP_S = 600.0
_SPREAD_S = 30 * 60.0  # a table of one row holds so long before and after it
FRAMES = ("icrs", "altaz", "hadec")


@dataclass(frozen=True, slots=True)
class Moving:
    """Where a target is, at some times; cubic between them (Catmull-Rom, on the sphere).

    :param unix_s: in order, at least two
    :param first_deg: right ascension (``icrs``, as seen from the site), azimuth (``altaz``), or hour angle (``hadec``)
    :param second_deg: declination, altitude (without refraction), or declination
    :raises ValueError: for a table that can't be interpolated
    """

    unix_s: tuple[float, ...]
    first_deg: tuple[float, ...]
    second_deg: tuple[float, ...]
    frame: str = "icrs"

    def __post_init__(self) -> None:
        """Refuse what is no table."""
        if self.frame not in FRAMES:
            raise ValueError(f"an ephemeris has the frame {', '.join(FRAMES)}, got {self.frame!r}")
        if not len(self.unix_s) == len(self.first_deg) == len(self.second_deg) >= 2:
            raise ValueError("an ephemeris needs two rows or more, each with a time and two angles")
        if any(a >= b for a, b in zip(self.unix_s[:-1], self.unix_s[1:], strict=True)):
            raise ValueError("the times of an ephemeris must be in order, and none twice")

    @classmethod
    def body(cls, name: str, sky: Sky) -> Moving:
        """Find a Solar-system body for a night, by astropy's built-in ephemeris (no network).

        :raises ValueError: for a body that is not in it
        """
        known = [b for b in solar_system_ephemeris.bodies if b != "earth-moon-barycenter"]
        if name.lower() not in known:
            raise ValueError(f"no body {name!r}; astropy knows {', '.join(known)}")
        first, last = sky.span_unix_s
        times = np.arange(first, last + 1.0, _STEP_S)
        # The moment's AltAz back to ICRS directions at infinity: topocentric, as a fixed star there would be given.
        when = Time(times, format="unix")
        with solar_system_ephemeris.set("builtin"):
            seen = get_body(name.lower(), when, sky.location).transform_to(AltAz(obstime=when, location=sky.location))
        far = SkyCoord(seen.az, seen.alt, frame=AltAz(obstime=when, location=sky.location)).icrs
        return cls(tuple(times.tolist()), tuple(far.ra.deg.tolist()), tuple(far.dec.deg.tolist()))

    @classmethod
    def table(cls, when: Time, positions: SkyCoord) -> Moving:
        """Make one from astropy objects: positions in any frame that turns into ICRS, or in AltAz."""
        if isinstance(positions.frame, AltAz):
            first, second, frame = positions.az, positions.alt, "altaz"
        else:
            first, second, frame = positions.icrs.ra, positions.icrs.dec, "icrs"
        columns = (np.atleast_1d(a).tolist() for a in (when.utc.unix, first.to_value(u.deg), second.to_value(u.deg)))
        times, one, two = columns
        return cls(tuple(times), tuple(one), tuple(two), frame)

    @property
    def span(self) -> tuple[float, float]:
        """When it is known."""
        return self.unix_s[0], self.unix_s[-1]

    def icrs_deg(self, sky: Sky, unix_s: float) -> tuple[float, float]:
        """Give right ascension and declination at one moment, where a star would be seen in the same direction.

        :raises ValueError: outside its span
        """
        first, last = self.span
        if not first <= unix_s <= last:
            raise ValueError(f"the ephemeris reaches from {first:.0f} to {last:.0f} (unix seconds); asked {unix_s:.0f}")
        return sky.earth.icrs_deg(self.directions(sky, np.array([unix_s]))[:, 0])

    def directions(self, sky: Sky, unix_s: Floats) -> Floats:
        """Give the apparent direction at each time, in the sky's frame, shape (3, T)."""
        knots = np.array(self.unix_s)
        if self.frame == "icrs":
            points = sky.directions(self.first_deg, self.second_deg)
            return _smooth(knots, points, unix_s)
        earth = sky.earth
        if self.frame == "hadec":
            # Towards the meridian on the equator, west, and the pole.
            pole = np.array([0.0, 0.0, 1.0])
            meridian = np.cross(earth.east, pole)
            axes = meridian, np.cross(meridian, pole), pole
        else:
            axes = earth.north, earth.east, earth.up
        local = _sphere(np.radians(self.first_deg), np.radians(self.second_deg))
        parts = _smooth(knots, local, unix_s)
        turned = (earth.turned(axis, unix_s) for axis in axes)
        return sum(part * axis for part, axis in zip(parts, turned, strict=True))  # type: ignore[return-value]


def _sphere(longitude: Floats, latitude: Floats) -> Floats:
    """Give unit vectors, shape (N, 3)."""
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)


def _smooth(knots: Floats, points: Floats, at: Floats) -> Floats:
    """Interpolate unit vectors, shape (N, 3), by a cubic with the slopes of the neighbours; shape (3, T)."""
    slope = np.gradient(points, knots, axis=0)
    k = np.clip(np.searchsorted(knots, at) - 1, 0, len(knots) - 2)
    width = knots[k + 1] - knots[k]
    t = np.clip((at - knots[k]) / width, 0.0, 1.0)[:, None]
    a, b = points[k], points[k + 1]
    m, n = slope[k] * width[:, None], slope[k + 1] * width[:, None]
    value = (2 * t**3 - 3 * t**2 + 1) * a + (t**3 - 2 * t**2 + t) * m + (3 * t**2 - 2 * t**3) * b + (t**3 - t**2) * n
    return (value / np.linalg.norm(value, axis=1)[:, None]).T


def moving_from_rows(rows: Sequence[Sequence[float]], frame: str = "icrs") -> Moving:
    """Make one from rows of (unix seconds, angle, angle)."""
    times, first, second = zip(*rows, strict=True)
    return Moving(tuple(times), tuple(first), tuple(second), frame)


def moving_of(ephemeris: Mapping[str, Any] | None, sky: Sky) -> Moving | None:
    """Make what moves of a row's ephemeris: None for a target that stays.

    :param ephemeris: ``{"body": name}``, or ``{"frame": "icrs" or "altaz", "rows": [[time, angle, angle], …]}`` with
        times in UTC and angles in degrees
    :raises ValueError: for what is not understood
    """
    if not ephemeris:
        return None
    if unknown := sorted(set(ephemeris) - {"body", "frame", "rows"}):
        raise ValueError(f"ephemeris: {', '.join(unknown)} is not understood; there is body, or frame and rows")
    if "body" in ephemeris:
        return _body(str(ephemeris["body"]).lower(), sky)
    try:
        rows = [(float(Time(str(t), scale="utc").unix), float(a), float(b)) for t, a, b in ephemeris["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"ephemeris: its rows are [time, angle, angle]: {error!r}") from None
    if len(rows) == 1:
        (t, a, b) = rows[0]
        rows = [(t - _SPREAD_S, a, b), (t + _SPREAD_S, a, b)]
    return moving_from_rows(rows, str(ephemeris.get("frame", "icrs")))


@lru_cache(maxsize=32)
def _body(name: str, sky: Sky) -> Moving:
    return Moving.body(name, sky)
