"""What share of its worth a block brings, by when it is observed, and the best starts for a given order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.candidates import Candidates, Ints
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.constraints import airmass, shares
from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.route import Route
from pyros_kernel.scheduling.shares import Quality
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.target_view import TargetView
from pyros_kernel.scheduling.visibility import Visibility

_STEP_S = 60.0
_EXTINCTION_MAG = 0.2  # per airmass, V band, a clear site
_MOONLIGHT = 0.01  # of its worth that a block loses beside a full Moon in the zenith
_SEEING_ARCSEC = 1.0  # at the target: worse takes its share
_FORGET_S = 6 * 3600.0
_GRID_S, _FINE_S = 60.0, 3.0
_REACH = 3  # places that a block is moved by


def quality_of(
    queue: Sequence[tuple[Block, Visibility]],
    sky: Sky,
    start_unix_s: float,
    end_unix_s: float,
    conditions: Conditions | None = None,
) -> Quality:
    """Find the share of its worth that each block brings, by its start: the mean over its duration.

    Light is lost to the air, 10^(-0.4 k (X - 1)) with k = 0.2 mag, or by the block's own airmass curve; to
    moonlight; to seeing worse than an arcsecond, if a forecast is given; and with distance from a preferred time.
    """
    longest = max((block.duration_s for block, _ in queue), default=0.0)
    first, last = sky.span_unix_s
    grid = np.arange(start_unix_s, min(end_unix_s + longest, last) + _STEP_S, _STEP_S)
    grid = grid[(grid >= first) & (grid <= last)]
    moon, lit = sky.moon_direction(grid), sky.moon_illumination(grid)
    glare = _MOONLIGHT * lit * np.maximum(0.0, np.sin(np.radians(sky.moon_altitude_deg(grid))))
    zenith = sky.zenith(grid)
    rows: list[Floats] = []
    for block, seen in queue:
        where = TargetView(sky, seen.direction, block.moving).directions(grid)
        altitude = np.degrees(np.arcsin(np.clip((where * zenith).sum(axis=0), -1.0, 1.0)))
        x = airmass(np.maximum(altitude, 3.0))
        own = shares(block.constraints, x)
        share = 10 ** (-0.4 * _EXTINCTION_MAG * (x - 1)) if own is None else own
        share = share * (1 - glare * (1 + (where * moon).sum(axis=0)) / 2)
        if conditions is not None:
            share = share * np.minimum(1.0, _SEEING_ARCSEC / (conditions.seeing(grid) * x**0.6))
            share = share * conditions.transparency(grid)
        if block.preferred_unix_s is not None:
            share = share * 0.5 ** (np.abs(grid - block.preferred_unix_s) / _FORGET_S)
        area = np.concatenate([[0.0], np.cumsum((share[1:] + share[:-1]) / 2 * _STEP_S)])
        ends = np.interp(grid + block.duration_s, grid, area)
        rows.append((ends - area) / block.duration_s)
    return Quality(float(grid[0]), _STEP_S, np.array(rows).reshape(len(queue), len(grid)))


def best_starts(c: Candidates, quality: Quality, route: Route, grid_s: float = _GRID_S) -> Floats:
    """Find the starts of most quality that keep the order of a route, to a minute: a dynamic programme from its end.

    :param grid_s: between the starts that are tried
    """
    grids = [_grid(c, k, a, b, grid_s) for k, a, b in zip(route.order, route.earliest, route.latest, strict=True)]
    return _best_of(c, quality, route.order, grids)


def refined(c: Candidates, quality: Quality, route: Route, starts: Floats) -> Floats:
    """Find better starts near those that are known, to some seconds."""
    grids: list[Floats] = []
    for k, at, a, b in zip(route.order, starts.tolist(), route.earliest, route.latest, strict=True):
        low, high = max(float(a), at - _GRID_S), min(float(b), at + _GRID_S)
        near = [np.arange(max(x, low), min(y, high), _FINE_S) for x, y in c.spans[k]]
        grids.append(np.unique(np.append(np.concatenate(near), at)))
    return _best_of(c, quality, route.order, grids)


def _best_of(c: Candidates, quality: Quality, order: tuple[int, ...], grids: list[Floats]) -> Floats:
    if not order:
        return np.zeros(0)
    worth = [c.value[k] * quality.at(np.full(len(g), k), g) for k, g in zip(order, grids, strict=True)]
    steps = [c.steps[a][b] for a, b in pairwise(order)]
    totals = [worth[-1]]  # from each start on, the last block first
    follow: list[Ints] = []
    for i in range(len(order) - 2, -1, -1):
        best = np.maximum.accumulate(totals[-1][::-1])[::-1]
        arrival = grids[i] + c.duration_s[order[i]] + steps[i]
        k = np.searchsorted(grids[i + 1], arrival - 1e-6).astype(np.int64)
        follow.append(k)
        totals.append(worth[i] + np.append(best, -np.inf)[k])  # who comes too late for every start can't be
    starts: list[float] = []
    soonest = 0
    for i, (grid, total) in enumerate(zip(grids, reversed(totals), strict=True)):
        at = soonest + int(total[soonest:].argmax())
        starts.append(float(grid[at]))
        soonest = int(follow[-1 - i][at]) if i < len(follow) else 0
    return np.array(starts)


def in_ideal_order(c: Candidates, order: tuple[int, ...]) -> tuple[int, ...]:
    """Sort blocks by the middle of the time at which each would be best if it were alone."""

    def middle(k: int) -> float:
        if k in c.fixed:
            return float(c.first[k, 0] + c.duration_s[k] / 2)
        starts = np.concatenate([np.linspace(a, b, 100) for a, b in c.spans[k]])
        return float(starts[c.value_at(np.full(len(starts), k), starts).argmax()] + c.duration_s[k] / 2)

    return tuple(sorted(order, key=middle))


def swapped(
    c: Candidates, route: Route, starts: Floats, halt: Callable[[], bool], passes: int = 2
) -> tuple[Route, Floats]:
    """Move single blocks a few places as long as that brings more quality.

    :param halt: asked again and again whether to end
    """
    assert c.quality is not None
    plain = replace(c, quality=None)
    best = float(c.value_at(np.array(route.order, dtype=np.int64), starts).sum())
    for _ in range(passes if route.order else 0):
        before = best
        for block in route.order:
            if halt():
                break
            rest = [k for k in route.order if k != block]
            at = route.order.index(block)
            for place in range(max(0, at - _REACH), min(len(rest), at + _REACH) + 1):
                other = Route.through(plain, (*rest[:place], block, *rest[place:])) if place != at else None
                if other is None:
                    continue
                moved = best_starts(plain, c.quality, other, 4 * _GRID_S)
                worth = float(c.value_at(np.array(other.order, dtype=np.int64), moved).sum())
                if worth > best + 1e-6:
                    route, starts, best = other, moved, worth
                    break
        if best <= before * (1 + 1e-6):
            break
    return route, best_starts(plain, c.quality, route, _GRID_S / 2)


def _grid(c: Candidates, k: int, earliest: float, latest: float, step_s: float) -> Floats:
    points = [earliest, latest]
    for a, b in c.spans[k]:
        low, high = max(a, earliest), min(b, latest)
        if low <= high:
            points += [low, high, *np.arange(low, high, step_s).tolist()]
    return np.unique(np.array(points))
