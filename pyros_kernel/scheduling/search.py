"""Make a plan of most value: insert greedily, price the night, build it forward, then build parts of it anew.

Parts are built by the same beam as the whole (:mod:`pyros_kernel.scheduling.beam`), with what lies before and
after held where it is; a plan that is a little worse than the best may be gone on from (large neighbourhood
search: Shaw 1998, CP-98, 417; acceptance from record to record: Dueck 1993, Journal of Computational Physics
104, 86).
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pyros_kernel.scheduling.beam import Beam
from pyros_kernel.scheduling.bound import Market, guides, market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.crossing import crossed
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.knapsacks import Knapsacks
from pyros_kernel.scheduling.legs import Leg
from pyros_kernel.scheduling.outcome import Search
from pyros_kernel.scheduling.path_bound import PathBound
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.stretches import varied

POWERS = (0.5, 0.75, 0.9, 1.0, 1.1)
_WARMTH = 0.02  # of the value: by so much what is gone on from may be worth less than the best
_SHORT = 12  # steps of a search for quality at the same value
_PATIENCE, _SOON = 60, 10  # steps in vain, after which whole nights are built anew; sooner if none had noise yet
_ROOMY = 0.8  # of the value of all is in the first plan
_TYPICAL = 1.0  # of the mean transition of the first plan, that prices count with each block
_NIGHTS, _WIDTH, _SPREAD, _BUCKET_S = 1600, 4, 6, 300.0  # blocks of the nights that are built together, and their beam
_FEW, _FEW_WITH_QUOTAS = 100, 200  # blocks; nights of few are found better with noise
_PLAIN = 10, 8  # width and spread of the first night of the others
_NOISE, _QUALITY_NOISE = 0.04, 0.02  # of the value of each block
_PART_S, _NIGHT_S = 0.013, 0.13  # efforts, as the bound counts its own
_BOUND_SHARE = 1.0  # of the search's effort
_ELITE = 12  # routes whose begins and ends are put together


def greedy(c: Candidates) -> Route:
    """Insert by value for added time, in several ways, and give the best.

    :raises ValueError: if the running blocks overlap
    """
    begin = Route.through(c, c.fixed)
    if begin is None:
        raise ValueError("the running blocks can't all be running: they overlap, or leave no time between them")
    pool = _outside(c, begin)
    return max((begin.filled(c, pool, power) for power in POWERS), key=lambda route: route.value(c))


def best_route(c: Candidates, search: Search, began_s: float | None = None) -> tuple[Route, float]:
    """Give the best route that the search allows, and the value that none can exceed.

    :param began_s: CPU seconds of this thread when the search's time began; now if left out
    :raises ValueError: if the running blocks overlap
    """
    began_s = time.thread_time() if began_s is None else began_s
    return improved(c, greedy(c), search, began_s)


def improved(c: Candidates, route: Route, search: Search, began_s: float | None = None) -> tuple[Route, float]:
    """Search for a better route, from one that is known; give it, and the value that none can exceed."""
    improver = _Improver(c, route, search, time.thread_time() if began_s is None else began_s)
    return improver.improved(), improver.bound.bound


def of_more_quality(c: Candidates, route: Route, search: Search, began_s: float) -> tuple[int, ...]:
    """Search a little for an order that is worth more, where worth depends on the starts."""
    short = replace(search, iterations=min(_SHORT, search.iterations), gap=0.0)
    improver = _Improver(c, route, short, began_s)
    improver.bound.done = True  # an order of the same value is looked for: nobody asks what is possible at most
    return improver.improved().order


class _Improver:
    """One search: its steps build whole nights, or many parts of one, anew, or lower the bound.

    :param begin: route to begin with
    """

    def __init__(self, c: Candidates, begin: Route, search: Search, began_s: float) -> None:
        self.c, self.search = c, search
        self._begin, self._began_s, value = begin, began_s, begin.value(c)
        self._market: Market = market(c, value)
        self._knapsacks = Knapsacks(c, np.arange(len(c.value)), self._market.clique)
        self.bound = PathBound(c, self._market, value, self._halt)
        self._elite: list[Route] = []
        # Where nearly everything fits it matters where each goes, not which are left out: parts find that.
        self._roomy = value > _ROOMY * float(c.value.sum())
        # What short quotas hold is chosen before a whole night is built, unless more depends on it than room.
        self._chosen = bool(len(self._knapsacks.rows)) and not self._roomy and not c.linked

    def improved(self) -> Route:
        """Search for a better route; the one to begin with at worst."""
        c, search = self.c, self.search
        rng = np.random.default_rng(search.seed)
        best = current = self._begin
        best_value, effort_s, waited, nights = best.value(c), 0.0, 0, 0
        plain = len(c.value) >= (_FEW_WITH_QUOTAS if len(self._knapsacks.rows) else _FEW)
        beams: tuple[Beam, Beam] | None = None
        for _ in range(search.iterations):
            full = c.quality is None and not len(_outside(c, best))
            if full or best_value >= self.bound.bound * (1 - search.gap) * (1 - 1e-9) or self._halt():
                break
            beam, night = beams = self._beams() if beams is None else beams
            if self._bound_is_due(effort_s, best_value):
                trial = self._along(self.bound.step(best_value), best)
                # Of few blocks the parts of a good route find the best one; from a poor one they lead nowhere.
                if trial is not None and not plain and trial.value(c) < best_value * (1 - _WARMTH):
                    trial = None
            elif not nights or waited >= (_SOON if plain else _PATIENCE):
                trial = self._night(night) if plain and not nights else self._nights(night, best, rng)
                waited, nights, effort_s = 0, nights + 1, effort_s + _NIGHT_S
            else:
                trial = self._parts(beam, current, best_value * (1 - _WARMTH), rng)
                waited, effort_s = waited + 1, effort_s + _PART_S
            if trial is None:
                continue
            current, value = trial, trial.value(c)
            if value > best_value + 1e-9:
                best, best_value, waited = trial, value, 0
        return best

    def _beams(self) -> tuple[Beam, Beam]:
        """Make what builds parts, and what builds whole nights."""
        c, order = self.c, self._begin.order
        if self._roomy:
            beam = Beam(c, self._market, self._halt)
            return beam, beam
        between = float(np.mean([c.steps[a][b] for a, b in pairwise(order)])) if len(order) > 1 else 0.0
        priced, plain = guides(c, self._begin.value(c), self._market, _TYPICAL * between)
        beam = Beam(c, priced, self._halt)
        return beam, Beam(c, plain, self._halt) if self._chosen else beam

    def _halt(self) -> bool:
        return self.search.over(self._began_s)

    def _bound_is_due(self, effort_s: float, reached: float) -> bool:
        """Tell whether to lower the bound now: what was done for it stays a share of the search's own effort."""
        bound = self.bound
        if bound.done or effort_s <= 0 or bound.effort_s > _BOUND_SHARE * effort_s:
            return False
        bound.reach(reached)
        # A step that can't end in time is not begun.
        return bound.next_s < self.search.cpu_s - (time.thread_time() - self._began_s)

    def _along(self, path: tuple[int, ...], best: Route) -> Route | None:
        """Make a route of the bound's path: each block where it is first visited, as far as it fits."""
        c = self.c
        if not path or c.fixed:
            return None
        order = _within_quotas(c, tuple(dict.fromkeys(path)))
        made = self._filled(Route.of_what_fits(c, order, frozenset()))
        assert made is not None
        if not made.order:
            return None
        self._elite = sorted([made, *self._elite], key=lambda route: -route.value(c))[:_ELITE]
        child = crossed(c, [*self._elite, best])
        return made if child is None else self._filled(child)

    def _night(self, beam: Beam) -> Route | None:
        """Build a whole night as the prices want it."""
        (made,) = beam.build([self._whole(beam, np.zeros(len(self.c.value)))], *_PLAIN)
        return None if made is None else self._filled(Route.through(self.c, made.order))

    def _nights(self, beam: Beam, best: Route, rng: np.random.Generator) -> Route | None:
        """Build several whole nights, and give the best of them, and of what their parts make together."""
        c, n = self.c, len(self.c.value)
        many = int(np.clip(_NIGHTS // n, 4, 16))
        noise = c.value * rng.normal(0.0, _NOISE if c.quality is None else _QUALITY_NOISE, (many, n))
        noise[0] = 0.0
        built = beam.build([self._whole(beam, liked) for liked in noise], _WIDTH, _SPREAD, noise, _BUCKET_S)
        routes = [self._filled(Route.through(c, made.order)) for made in built if made is not None]
        found = [route for route in routes if route is not None]
        if not found:
            return None
        child = crossed(c, [*found, *self._elite, best])
        return max(found, key=lambda route: route.value(c)) if child is None else self._filled(child)

    def _whole(self, beam: Beam, liked: Floats) -> Leg:
        """Give the leg that is the whole night, with what its quotas best hold where each block is liked so much."""
        if not self._chosen:
            return beam.whole()
        own = self._knapsacks.rows
        _, held = self._knapsacks.best(beam.profit + liked)
        return beam.whole(np.setdiff1d(own, [*held, *self.c.fixed]))

    def _parts(self, beam: Beam, route: Route, least: float, rng: np.random.Generator) -> Route | None:
        """Build stretches of the night anew."""
        # Of an empty one there is nothing to build anew.
        return self._filled(varied(self.c, beam, route, least, rng)) if route.order else None

    def _filled(self, route: Route | None) -> Route | None:
        return None if route is None else route.filled(self.c, _outside(self.c, route), 0.9)


def _within_quotas(c: Candidates, order: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out of an order what its quota has no room for."""
    if not len(c.quota_s):
        return order
    room, kept = np.append(c.quota_s, np.inf), list[int]()
    for k in order:
        if c.duration_s[k] <= room[c.quota_of[k]]:
            room[c.quota_of[k]] -= c.duration_s[k]
            kept.append(k)
    return tuple(kept)


def _outside(c: Candidates, route: Route) -> Ints:
    return np.setdiff1d(np.arange(len(c.value)), np.array(route.order, dtype=np.int64))
