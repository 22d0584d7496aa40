"""Build stretches of a route anew, many in one pass, and put together those that can stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.beam import Beam
from pyros_kernel.scheduling.candidates import Candidates
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.legs import Leg
from pyros_kernel.scheduling.route import Route

_MANY = 16  # stretches at once: numpy asks little more time for them than for one
_LENGTHS = (2, 12)  # blocks of a stretch, from and below
_WIDTHS, _SPREAD, _BUCKET_S = (3, 6, 12), 6, 600.0
_MOST = 32  # blocks that are thought of for each
_WARMTH = 0.006  # of the value: by so much one of them may make it worse
_NOISE = (0.0, 0.05, 0.2)  # of the value of each block


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Places of an order from ``first`` on, and before ``after``."""

    first: int
    after: int


def varied(c: Candidates, beam: Beam, route: Route, least: float, rng: np.random.Generator) -> Route | None:
    """Build stretches of a route anew, each with others held where they are, and give the best of it all.

    :param least: what the new route must be worth
    :return: None if nothing else was found
    """
    order, value = route.order, route.value(c)
    tiles = _tiles(len(order), rng)
    noise = c.value * rng.normal(0.0, 1.0, (len(tiles), len(c.value))) * rng.choice(_NOISE, (len(tiles), 1))
    legs = [_leg(c, route, s) for s in tiles]
    built = beam.build(legs, int(rng.choice(_WIDTHS)), _SPREAD, noise, _BUCKET_S, _MOST)
    trials: list[tuple[float, _Stretch, tuple[int, ...]]] = []
    for s, made in zip(tiles, built, strict=True):
        if made is None:
            continue
        middle, old = made.order, order[s.first : s.after]
        gain = 0.0
        if s.after < len(order):
            middle = middle[:-1]
            ended = float(route.earliest[s.after] + c.duration_s[order[s.after]])
            gain = beam.spared(made.end_unix_s, ended)
        if middle != old:
            gain += float(c.value[list(middle)].sum() - c.value[list(old)].sum())
            gain += beam.charged(old) - beam.charged(middle)
            trials.append((gain + _WARMTH * value * float(rng.exponential()), s, middle))
    trials.sort(key=lambda trial: -trial[0])
    taken: list[tuple[_Stretch, tuple[int, ...]]] = []
    found = None
    for hope, s, middle in trials:
        if hope < 0 or any(s.first < t.after and t.first < s.after for t, _ in taken):
            continue
        other = _together(c, order, [*taken, (s, middle)])
        if other is not None and other.value(c) >= least:
            found = other
            taken.append((s, middle))
    return found


def used_s(c: Candidates, blocks: Sequence[int]) -> Floats:
    """Give how much of each quota blocks use."""
    rows = np.array([k for k in blocks if len(c.quota_s) and c.quota_of[k] >= 0], dtype=np.int64)
    if not len(rows):
        return np.zeros(len(c.quota_s))
    used: Floats = np.bincount(c.quota_of[rows], c.duration_s[rows], minlength=len(c.quota_s)).astype(np.float64)
    return used


def _tiles(length: int, rng: np.random.Generator) -> list[_Stretch]:
    """Cut a route into stretches, again and again until there are enough."""
    tiles: list[_Stretch] = []
    while len(tiles) < _MANY:
        at = -int(rng.integers(0, _LENGTHS[1]))
        before = len(tiles)
        while at < length and len(tiles) < _MANY:
            after = at + int(rng.integers(*_LENGTHS))
            if after > 0:
                tiles.append(_Stretch(max(at, 0), min(after, length)))
            at = after
        if length <= _LENGTHS[1] or before == len(tiles):
            break
    return tiles


def _leg(c: Candidates, route: Route, s: _Stretch) -> Leg:
    order = route.order
    kept = (*order[: s.first], *order[s.after :])
    excluded = np.zeros(len(c.value), dtype=bool)
    excluded[list(kept)] = True
    pins = [(order[i], float(route.latest[i])) for i in range(s.first, s.after) if order[i] in c.fixed]
    then = order[s.after] if s.after < len(order) else -1
    if then >= 0:
        pins.append((then, float(route.latest[s.after])))
        excluded[then] = False
    began = None
    if c.linked:
        began = np.full(len(c.value), np.nan)
        began[list(order)] = route.earliest
    before = order[s.first - 1] if s.first else None
    return Leg(
        before,
        -np.inf if before is None else float(route.earliest[s.first - 1] + c.duration_s[before]),
        tuple(pins),
        excluded,
        used_s(c, [k for k in kept if k != then]),
        open_end=then < 0,
        began=began,
        familiar=order[s.first : s.after],
    )


def _together(c: Candidates, order: tuple[int, ...], taken: Sequence[tuple[_Stretch, tuple[int, ...]]]) -> Route | None:
    """Give the order with some stretches as they are built, if it can be observed."""
    new: list[int] = []
    at = 0
    for s, middle in sorted(taken, key=lambda t: t[0].first):
        new += [*order[at : s.first], *middle]
        at = s.after
    new += order[at:]
    if len(set(new)) < len(new) or (used_s(c, new) > c.quota_s + 1e-6).any():
        return None
    return Route.through(c, tuple(new))
