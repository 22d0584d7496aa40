"""When each block can be observed: exact spans of time, for all blocks in one pass.

Altitude of a fixed target is a sinusoid of the Earth rotation angle, so its edges are in closed form; edges
by Sun and Moon are roots, bracketed on a grid of five minutes and refined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.constraints import Constraint, OneSide
from pyros_kernel.scheduling.earth import TURN_RAD_S, Floats
from pyros_kernel.scheduling.intervals import Spans, intersection, union
from pyros_kernel.scheduling.roots import crossings, refine
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.target_view import TargetView

_GRID_S = 300.0
_FINE_S = 60.0  # where a margin may have corners


@dataclass(frozen=True, slots=True)
class Further:
    """When one further constraint holds, and its best margin."""

    constraint: Constraint
    spans: Spans
    best: float
    best_unix_s: float


@dataclass(frozen=True, slots=True)
class Visibility:
    """When one block's constraints hold, each alone and all together, inside the plan's time.

    :param direction: the target's unit vector
    :param highest: (unix seconds, degrees) of the highest altitude
    :param side: of the meridian: -1 if it can only be observed east of it, 1 if only west, 0 if on both; looked for
        where it may not be crossed
    """

    direction: Floats
    highest: tuple[float, float]
    altitude: Spans
    sun: Spans
    moon: Spans
    window: Spans
    together: Spans
    further: tuple[Further, ...] = ()
    side: int = 0


class Visibilities:
    """Find the visibility of many blocks between two times.

    :param free: the times of the plan that are not blocked
    :param everywhere: constraints of all blocks, as the horizon's mask
    :raises ValueError: if the times lie outside the sky's span
    """

    def __init__(
        self,
        sky: Sky,
        start_unix_s: float,
        end_unix_s: float,
        free: Spans,
        everywhere: Sequence[Constraint] = (),
        conditions: Conditions | None = None,
    ) -> None:
        self._everywhere, self._conditions = tuple(everywhere), conditions
        self._sky, self._whole, self._free = sky, ((start_unix_s, end_unix_s),), free
        first, last = sky.span_unix_s
        if start_unix_s < first or end_unix_s > last:
            raise ValueError(
                f"a plan of the night {sky.name} lies within 18 h of its middle, "
                f"unix {first:.0f} to {last:.0f}; asked {start_unix_s:.0f} to {end_unix_s:.0f}"
            )
        points = max(2, int(np.ceil((end_unix_s - start_unix_s) / _GRID_S)) + 1)
        self._grid = np.linspace(start_unix_s, end_unix_s, points)
        self._sun: dict[float, Spans] = {}
        self._dark: dict[float, Spans] = {}

    def of(self, blocks: Sequence[Block]) -> list[Visibility]:
        """Find the visibility of each block, in the order given."""
        if not blocks:
            return []
        directions = self._sky.directions([b.ra_deg for b in blocks], [b.dec_deg for b in blocks])
        altitudes, highest = self._altitudes(directions, blocks)
        separations = self._separations(directions, blocks)
        out: list[Visibility] = []
        for k, block in enumerate(blocks):
            sun = self._sun_below(block.max_sun_altitude_deg)
            moon = separations.get(k, self._whole)
            if block.max_moon_illumination is not None:
                moon = intersection(moon, self._moon_dark(block.max_moon_illumination))
            window = intersection(self._whole, union(block.allowed)) if block.allowed else self._whole
            further: tuple[Further, ...] = ()
            direction, top = directions[k], highest[k]
            altitude, view = altitudes[k], None
            if block.moving is not None or block.constraints or self._everywhere:
                view = TargetView(self._sky, direction, block.moving, self._conditions)
                if block.moving is not None:
                    altitude, moon, window, top, direction = self._moving(block, view, moon, window)
                further = tuple(self._further(c, view) for c in (*self._everywhere, *block.constraints))
            together = self._free
            for spans in (altitude, sun, moon, window, *(f.spans for f in further)):
                together = intersection(together, spans)
            side = self._side(view, together, further) if view is not None else 0
            out.append(Visibility(direction, top, altitude, sun, moon, window, together, further, side))
        return out

    @staticmethod
    def _side(view: TargetView, together: Spans, further: tuple[Further, ...]) -> int:
        if not together or not any(isinstance(f.constraint, OneSide) for f in further):
            return 0
        sides = np.sign(view.hour_angle_h(np.array([(a + b) / 2 for a, b in together])))
        return int(sides[0]) if (sides == sides[0]).all() else 0

    def _moving(
        self, block: Block, view: TargetView, moon: Spans, window: Spans
    ) -> tuple[Spans, Spans, Spans, tuple[float, float], Floats]:
        """Give what depends on where a target that moves is."""
        assert block.moving is not None
        known = intersection(self._whole, (block.moving.span,))
        altitude = intersection(known, self._where(lambda t: view.altitude_deg(t) - block.min_altitude_deg, _FINE_S))
        if block.min_moon_separation_deg > 0:
            limit = block.min_moon_separation_deg
            moon = self._where(lambda t: view.moon_separation_deg(t) - limit, _FINE_S)
            if block.max_moon_illumination is not None:
                moon = intersection(moon, self._moon_dark(block.max_moon_illumination))
        grid = np.linspace(*(known[0] if known else self._whole[0]), 200)
        heights = view.altitude_deg(grid)
        k = int(heights.argmax())
        a, b = (altitude or known or self._whole)[0]
        middle = view.directions(np.array([(a + b) / 2]))[:, 0]
        return altitude, moon, intersection(window, known), (float(grid[k]), float(heights[k])), middle

    def _further(self, constraint: Constraint, view: TargetView) -> Further:
        grid = self._fine(_FINE_S)
        margins = constraint.margin(view, grid)
        k = int(margins.argmax())
        spans = self._where(lambda t: constraint.margin(view, t), _FINE_S)
        return Further(constraint, spans, float(margins[k]), float(grid[k]))

    def _altitudes(self, directions: Floats, blocks: Sequence[Block]) -> tuple[list[Spans], list[tuple[float, float]]]:
        (start, end) = self._whole[0]
        earth = self._sky.earth
        p, q, r = earth.up
        x, y, z = directions.T
        c, s, level = x * p + y * q, y * p - x * q, z * r
        swing = np.hypot(c, s)
        sine = np.sin(np.radians([min(max(b.min_altitude_deg, -90.0), 90.0) for b in blocks]))
        middle = (start + end) / 2
        phase = np.arctan2(s, c) - float(earth.rotation_rad(middle))
        transit = middle + ((phase + np.pi) % (2 * np.pi) - np.pi) / TURN_RAD_S
        turn_s = 2 * np.pi / TURN_RAD_S
        reach = (sine - level) / np.maximum(swing, 1e-12)
        half_s = np.arccos(np.clip(reach, -1.0, 1.0)) / TURN_RAD_S
        spans: list[Spans] = []
        highest: list[tuple[float, float]] = []
        edges = np.array([start, end])
        ends_deg = self._sky.altitudes_deg(directions, edges)
        peak_deg = np.degrees(np.arcsin(np.clip(swing + level, -1.0, 1.0)))
        for k in range(len(blocks)):
            at, half = float(transit[k]), float(half_s[k])
            if start <= at <= end:
                highest.append((at, float(peak_deg[k])))
            else:
                i = int(ends_deg[k].argmax())
                highest.append((float(edges[i]), float(ends_deg[k, i])))
            if reach[k] <= -1:
                spans.append(self._whole)
            elif reach[k] > 1:
                spans.append(())
            else:
                risen = tuple((at + n * turn_s - half, at + n * turn_s + half) for n in (-1, 0, 1))
                spans.append(intersection(risen, self._whole))
        return spans, highest

    def _separations(self, directions: Floats, blocks: Sequence[Block]) -> dict[int, Spans]:
        rows = np.flatnonzero([b.min_moon_separation_deg > 0 for b in blocks])
        if not len(rows):
            return {}
        cosine = np.cos(np.radians([min(blocks[k].min_moon_separation_deg, 180.0) for k in rows.tolist()]))
        u = directions[rows]
        values = cosine[:, None] - u @ self._sky.moon_direction(self._grid)
        far = values >= 0
        row, k = np.nonzero(far[:, :-1] != far[:, 1:])

        def margin(t: Floats) -> Floats:
            return cosine[row] - (u[row] * self._sky.moon_direction(t).T).sum(axis=1)

        roots = refine(margin, self._grid[k], self._grid[k + 1], values[row, k], values[row, k + 1])
        return {int(n): _spans_between(self._whole[0], bool(far[i, 0]), roots[row == i]) for i, n in enumerate(rows)}

    def _sun_below(self, limit_deg: float) -> Spans:
        if limit_deg not in self._sun:
            self._sun[limit_deg] = self._where(lambda t: limit_deg - self._sky.sun_altitude_deg(t))
        return self._sun[limit_deg]

    def _moon_dark(self, limit: float) -> Spans:
        if limit not in self._dark:
            down = self._where(lambda t: -self._sky.moon_altitude_deg(t))
            faint = self._where(lambda t: limit - self._sky.moon_illumination(t))
            self._dark[limit] = union((*down, *faint))
        return self._dark[limit]

    def _fine(self, step_s: float) -> Floats:
        start, end = self._whole[0]
        return np.linspace(start, end, max(2, int(np.ceil((end - start) / step_s)) + 1))

    def _where(self, f: Callable[[Floats], Floats], step_s: float = _GRID_S) -> Spans:
        grid = self._fine(step_s)
        # Infinite margins have no root between them: what is very good is good enough.
        values = np.clip(f(grid), -1e9, 1e9)
        return _spans_between(self._whole[0], bool(values[0] >= 0), crossings(f, grid, values))


def _spans_between(whole: tuple[float, float], at_start: bool, roots: Floats) -> Spans:
    edges = [*([whole[0]] if at_start else []), *roots.tolist()]
    if len(edges) % 2:
        edges.append(whole[1])
    return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)
