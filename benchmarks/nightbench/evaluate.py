"""Neutral judge: checks a schedule with astropy at full precision and scores it.

Nothing here is shared with any scheduler's own ephemeris.  Every observation is sampled at its start, its end and
at most every ``step`` seconds; each constraint gives a margin, and a negative margin is a violation.
Two levels: ``strict`` (beyond numerical tolerance) and ``severe`` (visible to an observer: > 0.25 deg, > 30 s).

Copied from nightbench (2026-11), the project's own problem generator and neutral judge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time

from benchmarks.nightbench.model import EXTINCTION, WEIGHT_LINEAR, WEIGHT_POW2, Problem

STRICT = {
    "alt": 0.01,
    "sun": 0.01,
    "moon_sep": 0.02,
    "moon_illum": 0.002,
    "window": 1.0,
    "duration": 1.0,
    "overlap": 1.0,
    "transition": 1.0,
    "night": 1.0,
    "blocked": 1.0,
}
SEVERE = {
    "alt": 0.25,
    "sun": 0.25,
    "moon_sep": 0.5,
    "moon_illum": 0.02,
    "window": 30.0,
    "duration": 30.0,
    "overlap": 1.0,
    "transition": 30.0,
    "night": 30.0,
    "blocked": 30.0,
}


@dataclass
class Violation:
    request: str
    kind: str
    margin: float  # negative; deg, fraction or s by kind
    severe: bool


@dataclass
class Report:
    n_requests: int
    n_scheduled: int
    n_unknown: int
    n_duplicate: int
    score: float  # sum weight_linear * exposure of the valid observations (s)
    score_raw: float  # the same, invalid ones included
    score_pow2: float
    score_airmass: float  # score, each second of exposure weighted by 10^(-0.4 k)
    exposure_s: float
    occupied_s: float
    dark_s: float  # length of the astronomical night
    dark_fraction_open: float  # open-shutter share of it
    dark_fraction_occupied: float
    transition_s: float
    mean_airmass: float
    by_priority: dict = field(default_factory=dict)
    violations: list = field(default_factory=list)

    @property
    def n_strict(self) -> int:
        return len(self.violations)

    @property
    def n_severe(self) -> int:
        return sum(v.severe for v in self.violations)

    def worst(self) -> dict:
        out: dict = {}
        for v in self.violations:
            out[v.kind] = min(out.get(v.kind, 0.0), v.margin)
        return {k: round(x, 3) for k, x in out.items()}


def _location(p: Problem) -> EarthLocation:
    return EarthLocation.from_geodetic(p.site.lon * u.deg, p.site.lat * u.deg, p.site.height * u.m)


@lru_cache(maxsize=16)
def night_bounds(lat: float, lon: float, height: float, t0: str, length: float, sun_alt: float = -18.0):
    """(start, end) in s after t0 of the Sun below ``sun_alt``, to about 0.1 s."""
    loc = EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)

    def f(s):
        t = Time(t0, scale="utc") + np.atleast_1d(s) * u.s
        return get_body("sun", t, loc).transform_to(AltAz(obstime=t, location=loc)).alt.deg - sun_alt

    grid = np.linspace(0, length, 181)
    v = f(grid)
    below = np.flatnonzero(v <= 0)
    if not len(below):
        return None

    def root(a, b):
        for _ in range(4):
            x = np.linspace(a, b, 11)
            y = f(x)
            k = np.flatnonzero(np.sign(y[:-1]) != np.sign(y[1:]))
            if not len(k):
                break
            a, b = x[k[0]], x[k[0] + 1]
        return 0.5 * (a + b)

    i, j = below[0], below[-1]
    return (
        root(grid[i - 1], grid[i]) if i else 0.0,
        root(grid[j], grid[j + 1]) if j < len(grid) - 1 else length,
    )


def evaluate(p: Problem, schedule, step: float = 30.0) -> Report:
    """``schedule``: iterable of (request_id, start_s, end_s)."""
    byid = p.by_id()
    loc = _location(p)
    t0 = Time(p.t0, scale="utc")
    rows = sorted(((str(i), float(a), float(b)) for i, a, b in schedule), key=lambda r: r[1])
    unknown = [r for r in rows if r[0] not in byid]
    rows = [r for r in rows if r[0] in byid]
    seen: set = set()
    dup = 0
    bad: list[Violation] = []

    def check(rid, kind, margin):
        if margin < -STRICT[kind]:
            bad.append(Violation(rid, kind, float(margin), bool(margin < -SEVERE[kind])))

    # geometry of time: duration, night, window, blocked, overlap, transitions
    trans_total = 0.0
    for k, (rid, a, b) in enumerate(rows):
        r = byid[rid]
        if rid in seen:
            dup += 1
        seen.add(rid)
        check(rid, "duration", (b - a) - r.duration)
        check(rid, "night", min(a, p.length - b))
        if r.window:
            check(rid, "window", min(a - r.window[0], r.window[1] - b))
        for s, e in p.blocked:
            check(rid, "blocked", -max(0.0, min(b, e) - max(a, s)))
        if k:
            prev = rows[k - 1]
            gap, need = a - prev[2], p.transition.seconds(byid[prev[0]], r)
            check(rid, "overlap", min(0.0, gap))
            if gap >= -STRICT["overlap"]:
                check(rid, "transition", gap - need)
            trans_total += need

    # sky constraints, one astropy call for all samples
    airmass_by: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    if rows:
        samples, owner = [], []
        for k, (_, a, b) in enumerate(rows):
            n = max(2, math.ceil((b - a) / step) + 1)
            samples.append(np.linspace(a, b, n))
            owner.append(np.full(n, k))
        s, owner = np.concatenate(samples), np.concatenate(owner)
        t = t0 + s * u.s
        frame = AltAz(obstime=t, location=loc)
        reqs = [byid[rows[k][0]] for k in owner]
        coord = SkyCoord([r.ra for r in reqs] * u.deg, [r.dec for r in reqs] * u.deg)
        alt = coord.transform_to(frame).alt.deg
        sun = get_body("sun", t, loc)
        moon = get_body("moon", t, loc)
        sun_alt = sun.transform_to(frame).alt.deg
        moon_alt = moon.transform_to(frame).alt.deg
        msep = moon.separation(coord, origin_mismatch="ignore").deg
        illum = _illumination(t)
        for k, (rid, _, _) in enumerate(rows):
            r, m = byid[rid], owner == k
            check(rid, "alt", float(alt[m].min()) - r.alt_floor)
            check(rid, "sun", r.sun_alt_max - float(sun_alt[m].max()))
            if r.moon_sep_min is not None:
                check(rid, "moon_sep", float(msep[m].min()) - r.moon_sep_min)
            if r.moon_illum_max is not None:
                over = np.where(moon_alt[m] > STRICT["alt"], illum[m] - r.moon_illum_max, -1.0)
                check(rid, "moon_illum", -max(0.0, float(over.max())))
            airmass_by[k] = (s[m], 1.0 / np.sin(np.radians(np.maximum(alt[m], 3.0))))

    # scores
    dark = night_bounds(p.site.lat, p.site.lon, p.site.height, p.t0, p.length) or (0.0, 0.0)
    severe_ids = {v.request for v in bad if v.severe}
    score = raw = pow2 = air = expo = occ = 0.0
    xs, ws, dark_open, dark_occ = 0.0, 0.0, 0.0, 0.0
    byprio = {q: [0, 0] for q in range(1, 6)}
    for r in p.requests:
        byprio[r.priority][1] += 1
    counted: set = set()
    for k, (rid, a, b) in enumerate(rows):
        r = byid[rid]
        if rid in counted:
            continue  # a duplicate brings nothing
        counted.add(rid)
        e = min(r.exposure, max(0.0, b - a - r.acquisition) * r.t_exp / (r.t_exp + r.readout))
        raw += WEIGHT_LINEAR[r.priority] * e
        occ += b - a
        expo += e
        inside = max(0.0, min(b, dark[1]) - max(a, dark[0]))
        dark_occ += inside
        dark_open += e * inside / max(b - a, 1e-9)
        X = airmass_by[k][1]
        xs, ws = xs + float(X.mean()) * e, ws + e
        if rid in severe_ids:
            continue
        byprio[r.priority][0] += 1
        score += WEIGHT_LINEAR[r.priority] * e
        pow2 += WEIGHT_POW2[r.priority] * e
        air += WEIGHT_LINEAR[r.priority] * e * float(np.mean(10 ** (-0.4 * EXTINCTION * (X - 1))))
    tot = sum(b - a for _, a, b in rows)
    for prog, share in p.quotas.items():
        used = sum(b - a for i, a, b in rows if byid[i].programme == prog)
        limit = share * (dark[1] - dark[0])
        if used > limit + 1:
            bad.append(Violation(prog, "quota", limit - used, True))
    D = max(dark[1] - dark[0], 1e-9)
    return Report(
        len(p.requests),
        len(rows),
        len(unknown),
        dup,
        score,
        raw,
        pow2,
        air,
        expo,
        tot,
        D,
        dark_open / D,
        dark_occ / D,
        trans_total,
        xs / ws if ws else math.nan,
        {q: f"{a}/{b}" for q, (a, b) in byprio.items()},
        bad,
    )


def _illumination(t: Time) -> np.ndarray:
    """Illuminated fraction from the geocentric elongation (the formula astroplan uses)."""
    sun, moon = get_body("sun", t), get_body("moon", t)
    el = sun.separation(moon)
    i = np.arctan2(sun.distance * np.sin(el), moon.distance - sun.distance * np.cos(el))
    return ((1 + np.cos(i)) / 2).value
