"""Make a plan of most value: insert greedily, price the night, build it forward, then build parts of it anew.

Parts are built by the same beam as the whole (:mod:`pyros_kernel.scheduling.beam`), with what lies before and
after held where it is; a plan that is a little worse may be gone on from (large neighbourhood search: Shaw 1998,
CP-98, 417; acceptance as Schrimpf et al. 2000, Journal of Computational Physics 159, 139).
"""

from __future__ import annotations

import time
from dataclasses import replace
from enum import Enum, auto
from itertools import pairwise

import numpy as np

from pyros_kernel.scheduling.beam import Beam
from pyros_kernel.scheduling.bound import Market, guide, market
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.legs import Leg
from pyros_kernel.scheduling.outcome import Search
from pyros_kernel.scheduling.path_bound import PathBound
from pyros_kernel.scheduling.route import Route

POWERS = (0.5, 0.75, 0.9, 1.0, 1.1)
_WARMTH = 0.004  # of the value, at the start: by so much a step may make it worse
_SHORT = 60  # steps of a search for quality at the same value
_EACH, _BOUND_EACH = 12, 6  # after so many steps comes a whole night with noise, and a step of the bound
_ROOMY = 0.8  # of the value of all is in the first plan
_TYPICAL = 0.85  # of the mean transition of the first plan, that prices count with each block


class _Step(Enum):
    """What one step of a search does."""

    WHOLE = auto()
    PART = auto()
    BOUND = auto()


# Width and spread of the first beams over the whole night, each with a step of the bound before it but the first.
_FIRST = {0: (3, 4), 2: (10, 8), 4: (30, 8), 7: (100, 8)}
_BOUND_FIRST = (1, 3, 5, 6)


def greedy(c: Candidates) -> Route:
    """Insert by value for added time, in several ways, and give the best.

    :raises ValueError: if the running blocks overlap
    """
    begin = Route.through(c, c.fixed)
    if begin is None:
        raise ValueError("the running blocks can't all be running: they overlap, or leave no time between them")
    pool = _outside(c, begin)
    return max((begin.filled(c, pool, power) for power in POWERS), key=lambda route: route.value(c))


def best_route(c: Candidates, search: Search) -> tuple[Route, float]:
    """Give the best route that the search allows, and the value that none can exceed.

    :raises ValueError: if the running blocks overlap
    """
    began_s = time.thread_time()
    improver = _Improver(c, greedy(c), search, began_s)
    return improver.improved(), improver.bound.bound


def improved(c: Candidates, route: Route, search: Search) -> tuple[Route, float]:
    """Search for a better route, from one that is known; give it, and the value that none can exceed."""
    improver = _Improver(c, route, search, time.thread_time())
    return improver.improved(), improver.bound.bound


def of_more_quality(c: Candidates, route: Route, search: Search) -> tuple[int, ...]:
    """Search a little for an order that is worth more, where worth depends on the starts."""
    short = replace(search, iterations=min(_SHORT, search.iterations), cpu_s=np.inf, gap=0.0)
    improver = _Improver(c, route, short, 0.0)
    improver.bound.done = True  # an order of the same value is looked for: nobody asks what is possible at most
    return improver.improved().order


class _Improver:
    """One search: its steps build the night anew, or a part of it, or lower the bound.

    :param begin: route to begin with
    """

    def __init__(self, c: Candidates, begin: Route, search: Search, began_s: float) -> None:
        self.c, self.search = c, search
        self._begin, self._began_s, value = begin, began_s, begin.value(c)
        self._market: Market = market(c, value)
        self.bound = PathBound(c, self._market, value)
        # Where nearly everything fits it matters where each goes, not which are left out: parts find that.
        self._roomy = value > _ROOMY * float(c.value.sum())

    def improved(self) -> Route:
        """Search for a better route; the one to begin with at worst."""
        c, search = self.c, self.search
        rng = np.random.default_rng(search.seed)
        best = current = self._begin
        best_value = current_value = best.value(c)
        beam: Beam | None = None
        for step in range(search.iterations):
            full = c.quality is None and not len(_outside(c, best))
            if full or best_value >= self.bound.bound * (1 - search.gap) * (1 - 1e-9) or self._halt():
                break
            beam = self._beam() if beam is None else beam
            kind = self._kind(step)
            if kind is _Step.BOUND:
                self.bound.step(best_value)
                continue
            trial = self._whole(beam, step, rng) if kind is _Step.WHOLE else self._part(beam, current, rng)
            if trial is None:
                continue
            value = trial.value(c)
            allowed = _WARMTH * best_value * (1 - step / search.iterations) * float(rng.random()) ** 3
            if value >= current_value - allowed:
                current, current_value = trial, value
            if value > best_value + 1e-9:
                best, best_value = trial, value
        return best

    def _beam(self) -> Beam:
        c, order = self.c, self._begin.order
        if self._roomy:
            return Beam(c, self._market, self._halt)
        between = float(np.mean([c.steps[a][b] for a, b in pairwise(order)])) if len(order) > 1 else 0.0
        return Beam(c, guide(c, self._begin.value(c), self._market, _TYPICAL * between), self._halt)

    def _kind(self, step: int) -> _Step:
        first = step <= (2 if self._roomy else max(_FIRST))
        if (first and step in _FIRST) or (not first and step % _EACH == 0):
            return _Step.WHOLE
        bound = step in _BOUND_FIRST if first else step % (_EACH if self._roomy else _BOUND_EACH) == 1
        return _Step.BOUND if bound and not self.bound.done else _Step.PART

    def _halt(self) -> bool:
        return time.thread_time() - self._began_s > self.search.cpu_s or self.search.stop()

    def _whole(self, beam: Beam, step: int, rng: np.random.Generator) -> Route | None:
        if step in _FIRST and (step <= 2 or not self._roomy):
            width, spread = _FIRST[step]
            return self._through(beam.build(beam.whole(), width, spread))
        noise = self.c.value * rng.normal(0.0, 0.06 if self.c.quality is None else 0.02, len(self.c.value))
        return self._through(beam.build(beam.whole(), 6, 6, noise))

    def _through(self, order: tuple[int, ...] | None) -> Route | None:
        if order is None:
            return None
        route = Route.through(self.c, order)
        return None if route is None else route.filled(self.c, _outside(self.c, route), 0.9)

    def _part(self, beam: Beam, route: Route, rng: np.random.Generator) -> Route | None:
        """Build a stretch of the night anew."""
        c, order = self.c, route.order
        length = int(rng.integers(2, 12))
        first = int(rng.integers(-1, max(len(order) - 1, 0)))  # the last block before the stretch
        after = min(first + 1 + length, len(order))
        kept = (*order[: first + 1], *order[after:])
        excluded = np.zeros(len(c.value), dtype=bool)
        excluded[list(kept)] = True
        pins = [(k, float(route.latest[i])) for i, k in enumerate(order) if first < i < after and k in c.fixed]
        if after < len(order):
            pins.append((order[after], float(route.latest[after])))
            excluded[order[after]] = False
        leg = Leg(
            None if first < 0 else order[first],
            -np.inf if first < 0 else float(route.earliest[first] + c.duration_s[order[first]]),
            tuple(pins),
            excluded,
            self._used(kept, order[after] if after < len(order) else -1),
            open_end=after == len(order),
            began=self._began(route),
        )
        noise = c.value * rng.normal(0.0, float(rng.choice([0.0, 0.05, 0.2])), len(c.value))
        built = beam.build(leg, int(rng.choice([3, 6, 12])), 6, noise, bucket_s=300.0)
        if built is None:
            return None
        middle = built[:-1] if after < len(order) else built
        whole = (*order[: first + 1], *middle, *order[after:])
        return self._through(whole) if whole != order else None

    def _used(self, kept: tuple[int, ...], but: int) -> Floats:
        """Give how much of each quota blocks use."""
        c = self.c
        rows = np.array([k for k in kept if k != but and len(c.quota_s) and c.quota_of[k] >= 0], dtype=np.int64)
        if not len(rows):
            return np.zeros(len(c.quota_s))
        used: Floats = np.bincount(c.quota_of[rows], c.duration_s[rows], minlength=len(c.quota_s)).astype(np.float64)
        return used

    def _began(self, route: Route) -> Floats | None:
        if not self.c.linked:
            return None
        began = np.full(len(self.c.value), np.nan)
        began[list(route.order)] = route.earliest
        return began


def _outside(c: Candidates, route: Route) -> Ints:
    return np.setdiff1d(np.arange(len(c.value)), np.array(route.order, dtype=np.int64))
