"""How fast an alert was acted on: its steps on one line of milliseconds."""

from __future__ import annotations

import math

from markupsafe import Markup

_WIDTH, _LEFT, _RIGHT = 620.0, 16.0, 40.0
_LEVEL = 16.0  # between the rows of labels
_LETTER = 6.0


def reaction_chart(steps_ms: dict[str, float]) -> Markup:
    """Draw the steps from the packet's last byte on, on a logarithmic line.

    :param steps_ms: step → milliseconds, in ascending order
    """
    if not steps_ms:
        return Markup("")
    low = math.log10(max(0.1, min(steps_ms.values()) / 2))
    high = max(low + 1, math.log10(max(steps_ms.values()) * 1.3 + 0.1))
    labels = [(f"{step.replace('_', ' ')} {_short(ms)}", _x(ms, low, high)) for step, ms in steps_ms.items()]
    rows = _rows(labels)
    axis = 12 + (max(rows) + 1) * _LEVEL
    parts = [Markup('<line x1="{:.0f}" y1="{:.0f}" x2="{:.0f}" y2="{:.0f}" class="axis"/>').format(
        _LEFT, axis, _WIDTH - _RIGHT, axis
    )]  # fmt: skip
    for decade in range(math.ceil(low), math.floor(high) + 1):
        x = _x(10.0**decade, low, high)
        parts.append(
            Markup(
                '<line x1="{0:.1f}" y1="{1:.0f}" x2="{0:.1f}" y2="{2:.0f}" class="axis"/>'
                '<text x="{0:.1f}" y="{3:.0f}" class="tick" text-anchor="middle">{4}</text>'
            ).format(x, axis, axis + 5, axis + 18, _short(10.0**decade))
        )
    for (words, x), row in zip(labels, rows, strict=True):
        y = axis - 8 - row * _LEVEL
        parts.append(
            Markup(
                '<line x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.0f}" class="stem"/>'
                '<circle cx="{0:.1f}" cy="{2:.0f}" r="4.5" class="step"/>'
                '<text x="{3:.1f}" y="{4:.1f}" class="steplabel">{5}</text>'
            ).format(x, y, axis, x + 4, y + 2, words)
        )
    return Markup('<svg viewBox="0 0 {:.0f} {:.0f}" class="reaction" role="img" aria-label="reaction">{}</svg>').format(
        _WIDTH, axis + 24, Markup("").join(parts)
    )


def _rows(labels: list[tuple[str, float]]) -> list[int]:
    """Give each label the lowest row where it lies on no other; the last ones are set first, so stems stay free."""
    taken: list[tuple[float, float, int]] = []
    rows: list[int] = []
    for words, x in reversed(labels):
        row = 0
        end = x + 8 + len(words) * _LETTER
        while any(r == row and x < right and end > left for left, right, r in taken):
            row += 1
        taken.append((x, end, row))
        rows.append(row)
    return rows[::-1]


def _x(ms: float, low: float, high: float) -> float:
    share = (math.log10(max(ms, 0.1)) - low) / (high - low)
    return _LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT - 110)


def _short(ms: float) -> str:
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:.3g} ms"
