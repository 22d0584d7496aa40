"""Charts over a night as inline SVG: colours come from the page's style sheet, so both themes work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from markupsafe import Markup, escape

WIDTH = 1000.0
LEFT, RIGHT = 52.0, 14.0


@dataclass
class Drawing:
    """An SVG drawing over a stretch of time; every text that comes in is escaped.

    :param start_s: unix seconds at the left edge of the plot
    :param end_s: unix seconds at its right edge
    :param height: in drawing units; the width is 1000
    """

    start_s: float
    end_s: float
    height: float
    label: str
    _parts: list[Markup] = field(default_factory=list[Markup])

    def x(self, unix_s: float) -> float:
        """Give the place of a moment, within the plot."""
        share = (unix_s - self.start_s) / (self.end_s - self.start_s)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def rect(
        self, x0: float, x1: float, y: float, height: float, style: str, title: str = "", radius: float = 0
    ) -> None:
        """Draw a rectangle, with a text that shows on hovering."""
        self._parts.append(
            Markup(
                '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:.1f}" class="{}">{}</rect>'
            ).format(x0, y, max(x1 - x0, 0.8), height, radius, style, _title(title))
        )

    def path(self, points: Iterable[tuple[float, float]], style: str, title: str = "") -> None:
        """Draw a line through points."""
        words = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
        if words:
            self._parts.append(Markup('<path d="{}" class="{}">{}</path>').format(words, style, _title(title)))

    def line(self, x0: float, y0: float, x1: float, y1: float, style: str, title: str = "") -> None:
        """Draw a straight line."""
        self.path([(x0, y0), (x1, y1)], style, title)

    def text(self, x: float, y: float, words: str, style: str, anchor: str = "start") -> None:
        """Write a text."""
        self._parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(
                x, y, style, anchor, words
            )
        )

    def hours(self, top: float, bottom: float) -> None:
        """Draw the time axis: a line for each hour, and its name below the plot."""
        hour = int(self.start_s // 3600 + 1)
        step = 1 if self.end_s - self.start_s < 16 * 3600 else 2
        while hour * 3600 < self.end_s:
            if hour % step == 0:
                x = self.x(hour * 3600)
                self.line(x, top, x, bottom, "grid")
                self.text(x, bottom + 15, f"{datetime.fromtimestamp(hour * 3600, UTC):%H:%M}", "tick", "middle")
            hour += 1

    def render(self) -> Markup:
        """Give the whole drawing."""
        return Markup('<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
            WIDTH, self.height, self.label, Markup("").join(self._parts)
        )


def _title(words: str) -> Markup:
    return Markup("<title>{}</title>").format(words) if words else escape("")
