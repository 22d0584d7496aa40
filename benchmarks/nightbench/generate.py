"""Deterministic generator of realistic request sets.

Only ``random.Random(seed).random()`` is used (its stream is guaranteed stable by Python), so a (site, night, seed)
gives the same requests everywhere; the set of N requests is the first N of the set of any larger N.

Mix, by programme:  EXO  transit-like, long, most have a time window;  SNE  supernova follow-up, short, several
filters;  VAR  variables along the galactic plane, medium;  EXT  faint extragalactic, long, dark-time demands.
20 % carry a time window, about 20 % a Moon-illumination limit, all a Moon separation; 10 % are scattered over the
whole sky (some cannot be observed at all).  Kinds and priorities come from shuffled decks: proportions hold at N = 25.

Copied from nightbench (2026-11), the project's own problem generator and neutral judge.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC

from benchmarks.nightbench.model import SITES, Problem, Request, Site, Transition

NIGHTS = {  # evening date -> (t0 UTC, length s), a little wider than sunset-sunrise
    ("OHP", "2026-11-09"): ("2026-11-09T16:00:00", 15 * 3600.0),  # new Moon
    ("OHP", "2026-11-17"): ("2026-11-17T16:00:00", 15 * 3600.0),  # first quarter, sets in the night
    ("OHP", "2026-11-22"): ("2026-11-22T16:00:00", 15 * 3600.0),  # nearly full
    ("SPM", "2026-11-22"): ("2026-11-23T00:00:00", 15 * 3600.0),
}
FILTERS = ("B", "V", "R", "I", "Ha")


def _pick(u: float, table):
    acc = 0.0
    for value, p in table:
        acc += p
        if u < acc:
            return value
    return table[-1][0]


def _lst_deg(t0_iso: str, dt_s: float, lon: float) -> float:
    """Mean sidereal time, good to a few arcseconds: only used to place targets."""
    from datetime import datetime

    t = datetime.fromisoformat(t0_iso).replace(tzinfo=UTC)
    d = (t - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400 + dt_s / 86400
    return (280.46061837 + 360.98564736629 * d + lon) % 360.0


def _deck(rng: random.Random, cards: str) -> list[str]:
    """A shuffled deck (Fisher-Yates on .random()), so that proportions hold for small sets too."""
    d = list(cards)
    for i in range(len(d) - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        d[i], d[j] = d[j], d[i]
    return d


def make_requests(n: int, site: Site, t0: str, length: float, seed: int) -> tuple[Request, ...]:
    rng = random.Random(seed)
    u = rng.random
    out: list[Request] = []
    decks: dict[str, list[str]] = {"kind": [], "prio": []}

    def draw(name: str, cards: str) -> str:
        if not decks[name]:
            decks[name] = _deck(rng, cards)
        return decks[name].pop()

    lst0 = _lst_deg(t0, 0.0, site.lon)
    for i in range(n):
        kind = draw("kind", "XxSSsVVvEE")  # X, s, v and x: a lower-case letter carries a time window
        prog = {"X": "EXO", "S": "SNE", "V": "VAR", "E": "EXT"}[kind.upper()]
        windowed = kind == "x" or (kind in "sv" and u() < 0.5)
        prio = int(draw("prio", "11" + "2222" + "333333" + "44444" + "555"))
        # place: mostly what culminates in the night; VAR along the galactic plane; one in ten anywhere
        if u() < 0.10:
            ra, dec = 360 * u(), math.degrees(math.asin(2 * u() - 1))
        else:
            ra = (lst0 + (0.08 + 0.84 * u()) * length / 239.345 + 50 * (u() - 0.5)) % 360
            s0, s1 = math.sin(math.radians(site.lat - 55)), math.sin(math.radians(min(85.0, site.lat + 50)))
            dec = math.degrees(math.asin(s0 + (s1 - s0) * u()))
        if prog == "VAR":
            dec = max(site.lat - 60, min(85, 62.9 * math.sin(math.radians(ra - 282.25)) + 10 * (u() - 0.5)))
        # 2..40 min on target
        lo, hi = {"EXO": (20, 40), "SNE": (2, 12), "VAR": (3, 20), "EXT": (8, 40)}[prog]
        minutes = math.exp(math.log(lo) + (math.log(hi) - math.log(lo)) * u())
        t_exp = _pick(u(), ((20.0, 0.2), (60.0, 0.4), (120.0, 0.25), (300.0, 0.15)))
        readout, acq = 5.0, 30.0
        n_exp = max(1, int((minutes * 60 - acq) // (t_exp + readout)))
        if n_exp * (t_exp + readout) + acq < 120:
            n_exp += 1
        xmax = _pick(u(), ((1.5, 0.25), (2.0, 0.5), (2.5, 0.25)))
        sun = -12.0 if u() < 0.2 else -18.0
        msep = _pick(u(), ((15.0, 0.3), (30.0, 0.5), (45.0, 0.2)))
        dark = u() < (0.5 if prog == "EXT" else 0.12)
        dur = n_exp * (t_exp + readout) + acq
        u1, u2 = u(), u()
        window = None
        if windowed:  # near the transit of the target, inside the night
            width = dur * (1.15 + 2.5 * u1)
            centre = ((ra - lst0) % 360) * 239.345 + (u2 - 0.5) * 5 * 3600
            start = min(max(centre - width / 2, 1800.0), length - 1800.0 - width)
            window = (float(round(start)), float(round(start + width)))
        out.append(
            Request(
                f"R{i:04d}",
                round(ra, 6),
                round(dec, 6),
                n_exp,
                t_exp,
                readout,
                acq,
                FILTERS[int(u() * len(FILTERS))],
                prio,
                prog,
                xmax,
                None,
                sun,
                msep,
                0.25 if dark else None,
                window,
            )
        )
    return tuple(out)


def make_problem(
    n: int,
    site: str = "OHP",
    night: str = "2026-11-17",
    seed: int = 1,
    transitions: bool = True,
    quotas: bool = False,
    common: bool = False,
) -> Problem:
    """``common``: every request gets airmass 2, astronomical night, Moon at 30 deg (only windows stay individual)."""
    t0, length = NIGHTS[(site, night)]
    reqs = make_requests(n, SITES[site], t0, length, seed)
    if common:
        reqs = tuple(
            replace(r, max_airmass=2.0, sun_alt_max=-18.0, moon_sep_min=30.0, moon_illum_max=None) for r in reqs
        )
    return Problem(
        f"{site}-{night}-n{n}-s{seed}-{'tr' if transitions else 'notr'}{'-q' if quotas else ''}"
        f"{'-c' if common else ''}",
        SITES[site],
        t0,
        length,
        reqs,
        Transition(2.0, 15.0) if transitions else Transition(),
        {"EXO": 0.35, "SNE": 0.35, "VAR": 0.35, "EXT": 0.35} if quotas else {},
    )
