"""The V-curve of a focus run: the width of stars against the focuser's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420.0, 220.0, 46.0, 40.0
_STROKE = 'fill="none" stroke="currentColor"'


@dataclass(frozen=True, slots=True)
class FocusCurve:
    """Stars' width w at position x: w² = a (x − best)² + sharpest², of two widths that add in squares.

    :param best: position where stars are sharpest, steps
    :param sharpest: their width there, pixels
    :param a: squared pixels per squared step
    """

    best: float
    sharpest: float
    a: float

    def width(self, position: float) -> float:
        """Give the width of stars at a position, pixels."""
        return float(np.sqrt(self.a * (position - self.best) ** 2 + self.sharpest**2))


def fit_focus(positions: Sequence[float], widths: Sequence[float]) -> FocusCurve | None:
    """Fit the curve by least squares; squared widths are a parabola.

    :param positions: steps
    :param widths: full widths at half maximum, pixels
    :return: None where fewer than four points are given, or they show no minimum
    """
    if len(positions) < 4:
        return None
    x, w = np.asarray(positions, np.float64), np.asarray(widths, np.float64)
    middle, reach = float(x.mean()), max(float(np.ptp(x)) / 2, 1.0)
    # An error of w makes one of 2 w times as much in w².
    a, b, c = np.polyfit((x - middle) / reach, w**2, 2, w=1 / w)
    if a <= 0:
        return None
    lowest = c - b * b / (4 * a)
    return FocusCurve(middle - reach * b / (2 * a), float(np.sqrt(max(lowest, 0.01))), a / reach**2)


def curve_svg(positions: Sequence[float], widths: Sequence[float], curve: FocusCurve | None) -> str:
    """Draw points and curve as SVG that takes the colour of the text around it."""
    if not positions:
        return ""
    low, high = min(positions), max(positions)
    span, top = max(high - low, 1.0), 1.15 * max(widths)

    def place(position: float, width: float) -> str:
        x = _LEFT + (position - low) / span * (_WIDTH - _LEFT - 12)
        return f"{x:.1f},{_HEIGHT - _BOTTOM - width / top * (_HEIGHT - _BOTTOM - 12):.1f}"

    dots = "".join(
        '<circle cx="{}" cy="{}" r="3.5"><title>{:.0f} steps: {:.2f} px</title></circle>'.format(
            *place(p, w).split(","), p, w
        )
        for p, w in zip(positions, widths, strict=True)
    )
    line = best = ""
    said = "no minimum"
    if curve is not None:
        xs = np.linspace(low, high, 60)
        line = f'<polyline {_STROKE} points="{" ".join(place(x, curve.width(x)) for x in xs)}"/>'
        if low <= curve.best <= high:
            x = place(curve.best, 0).split(",")[0]
            best = f'<path {_STROKE} stroke-dasharray="4 3" d="M{x},12 V{_HEIGHT - _BOTTOM}"/>'
        said = f"sharpest at {curve.best:.0f} steps, {curve.sharpest:.2f} px"
    axis = f'<path {_STROKE} opacity="0.5" d="M{_LEFT},12 V{_HEIGHT - _BOTTOM} H{_WIDTH - 12}"/>'
    ends = "".join(
        f'<text x="{_LEFT - 4}" y="{place(low, width).split(",")[1]}" text-anchor="end">{width:.1f}</text>'
        for width in (min(widths), max(widths))
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" width="{_WIDTH:.0f}" role="img" '
        f'aria-label="Width of stars against focus: {said}" font-size="11" fill="currentColor">'
        f"{axis}{line}{best}{dots}{ends}"
        f'<text x="{_LEFT}" y="{_HEIGHT - 24}">{low:.0f}</text>'
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 24}" text-anchor="end">{high:.0f}</text>'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">width of stars (px) against focus (steps): '
        f"{said}</text></svg>"
    )
