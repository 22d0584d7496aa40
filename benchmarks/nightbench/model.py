"""Problem model, plain data only (no astropy): a schedule is a list of (request_id, start_s, end_s).

All times are seconds after ``Problem.t0`` (UTC, ISO).  Angles are degrees, coordinates are ICRS.
Definitions are chosen so that every scheduler in the field can be given the same problem:
airmass is sec z of the unrefracted altitude; Moon separation is topocentric; Sun and Moon altitudes are those of
the centre, unrefracted; a slew costs great-circle separation / rate; changing filter adds a constant.

Copied from nightbench (2026-11), the project's own problem generator and neutral judge.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field

WEIGHT_LINEAR = {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0, 5: 1.0}  # LCO-like: value = priority x duration
WEIGHT_POW2 = {1: 16.0, 2: 8.0, 3: 4.0, 4: 2.0, 5: 1.0}  # near-lexicographic
EXTINCTION = 0.2  # mag per airmass, for the airmass-aware score


@dataclass(frozen=True)
class Site:
    name: str
    lat: float
    lon: float
    height: float


SITES = {
    "OHP": Site("OHP", 43.9308, 5.7133, 650.0),
    "SPM": Site("SPM", 31.0442, -115.4637, 2800.0),
}


@dataclass(frozen=True)
class Transition:
    """Time needed between two consecutive observations."""

    slew_rate: float | None = None  # deg/s on the sky; None = free
    filter_change: float = 0.0  # s, when the filter differs

    def seconds(self, a: Request, b: Request) -> float:
        s = 0.0
        if self.slew_rate:
            s += separation(a.ra, a.dec, b.ra, b.dec) / self.slew_rate
        if self.filter_change and a.filter != b.filter:
            s += self.filter_change
        return s


def separation(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    r1, d1, r2, d2 = map(math.radians, (ra1, dec1, ra2, dec2))
    x = math.cos(d2) * math.sin(r2 - r1)
    y = math.cos(d1) * math.sin(d2) - math.sin(d1) * math.cos(d2) * math.cos(r2 - r1)
    z = math.sin(d1) * math.sin(d2) + math.cos(d1) * math.cos(d2) * math.cos(r2 - r1)
    return math.degrees(math.atan2(math.hypot(x, y), z))


@dataclass(frozen=True)
class Request:
    id: str
    ra: float
    dec: float
    n_exp: int
    t_exp: float  # s, open shutter, one exposure
    readout: float  # s per exposure
    acquisition: float  # s once, settle + centring
    filter: str
    priority: int  # 1 (highest) .. 5
    programme: str
    max_airmass: float
    min_alt: float | None = None
    sun_alt_max: float = -18.0
    moon_sep_min: float | None = None  # always applied, Moon up or down (astroplan's meaning)
    moon_illum_max: float | None = None  # fraction; also satisfied when the Moon is down
    window: tuple[float, float] | None = None  # whole observation inside, s after t0

    @property
    def duration(self) -> float:
        return self.acquisition + self.n_exp * (self.t_exp + self.readout)

    @property
    def exposure(self) -> float:
        return self.n_exp * self.t_exp

    @property
    def alt_floor(self) -> float:
        a = 90.0 - math.degrees(math.acos(1.0 / self.max_airmass))
        return a if self.min_alt is None else max(a, self.min_alt)


@dataclass(frozen=True)
class Problem:
    name: str
    site: Site
    t0: str  # UTC ISO
    length: float  # s
    requests: tuple[Request, ...]
    transition: Transition = field(default_factory=Transition)
    quotas: dict[str, float] = field(default_factory=dict)  # programme -> largest share of scheduled time
    blocked: tuple[tuple[float, float], ...] = ()  # no observing (past, weather, engineering)

    def by_id(self) -> dict[str, Request]:
        return {r.id: r for r in self.requests}

    def dumps(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def loads(text: str) -> Problem:
        d = json.loads(text)
        reqs = tuple(Request(**{**r, "window": tuple(r["window"]) if r["window"] else None}) for r in d["requests"])
        return Problem(
            d["name"],
            Site(**d["site"]),
            d["t0"],
            d["length"],
            reqs,
            Transition(**d["transition"]),
            d["quotas"],
            tuple(tuple(b) for b in d["blocked"]),
        )
