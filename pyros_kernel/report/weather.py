"""The night's weather as a chart, and the stretches in which the dome had to be closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from pyros_kernel.report.facts import NightFacts, WeatherFacts
from pyros_kernel.report.svg import LEFT, RIGHT, WIDTH, Drawing

_PANEL, _GAP, _TOP = 78.0, 30.0, 22.0
_POINTS = 500
_MARGIN_S = 1200.0

# Title with unit, and the readings drawn in it: name in the store and style of the line.
_PANELS = (
    ("Temperature / °C", (("temperature", "w-temperature"),)),
    ("Humidity / %", (("humidity", "w-humidity"),)),
    ("Wind and gusts / m s⁻¹", (("wind_gust", "w-gust"), ("wind_speed", "w-wind"))),
)


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A stretch in which observing was not safe, and why."""

    start: datetime
    end: datetime
    reasons: tuple[str, ...]


def unsafe_stretches(weather: Sequence[WeatherFacts]) -> list[Unsafe]:
    """Join neighbouring unsafe rows; a stretch ends at the next safe one."""
    found: list[Unsafe] = []
    open_since: datetime | None = None
    reasons: dict[str, None] = {}
    for row in weather:
        if not row.safe:
            open_since = open_since or row.time
            # Figures change from row to row; what counts is which rule spoke, so the first wording is kept.
            for reason in row.reason.split("; "):
                kind = reason.split(" ")[0]
                if reason and not any(told.split(" ")[0] == kind for told in reasons):
                    reasons[reason] = None
        elif open_since is not None:
            found.append(Unsafe(open_since, row.time, tuple(reasons)))
            open_since, reasons = None, {}
    if open_since is not None:
        found.append(Unsafe(open_since, weather[-1].time, tuple(reasons)))
    return found


def weather_chart(night: NightFacts) -> Markup:
    """Draw temperature, humidity and wind through the night, unsafe stretches shaded."""
    rows = [row for row in night.weather if _in_plot(row.time, night)]
    if not rows:
        return Markup("")
    bottom = _TOP + len(_PANELS) * (_PANEL + _GAP) - _GAP
    drawing = Drawing(
        night.sunset.timestamp() - _MARGIN_S, night.sunrise.timestamp() + _MARGIN_S, bottom + 24, "Weather of the night"
    )
    for index in range(len(_PANELS)):
        drawing.rect(LEFT, WIDTH - RIGHT, _TOP + index * (_PANEL + _GAP), _PANEL, "panel", radius=3)
    drawing.hours(_TOP, bottom)
    for stretch in unsafe_stretches(rows):
        x0, x1 = drawing.x(stretch.start.timestamp()), drawing.x(stretch.end.timestamp())
        words = f"{stretch.start:%H:%M}–{stretch.end:%H:%M}: {'; '.join(stretch.reasons)}"
        drawing.rect(x0, x1, _TOP, bottom - _TOP, "unsafe", words)
    thinned = rows[:: max(1, len(rows) // _POINTS)]
    for index, (title, lines) in enumerate(_PANELS):
        _panel(drawing, thinned, _TOP + index * (_PANEL + _GAP), title, lines)
    return drawing.render()


def _panel(
    drawing: Drawing, rows: Sequence[WeatherFacts], top: float, title: str, lines: Sequence[tuple[str, str]]
) -> None:
    series = {name: _values(rows, name) for name, _ in lines}
    every = [value for values in series.values() for _, value in values]
    drawing.text(LEFT, top - 7, title, "paneltitle")
    if not every:
        drawing.text(WIDTH / 2, top + _PANEL / 2 + 4, "no readings", "tick", "middle")
        return
    low, high = min(every), max(every)
    room = max((high - low) * 0.15, 0.5)
    low, high = low - room, high + room

    def y(value: float) -> float:
        return top + _PANEL * (1 - (value - low) / (high - low))

    for value in (min(every), max(every)):
        drawing.text(LEFT - 8, y(value) + 4, f"{value:.1f}", "tick", "end")
        if max(every) - min(every) < 0.3:
            break  # two labels would lie on each other
    for name, style in lines:
        drawing.path([(drawing.x(t), y(value)) for t, value in series[name]], f"curve {style}")


def _values(rows: Sequence[WeatherFacts], name: str) -> list[tuple[float, float]]:
    values = ((row.time.timestamp(), row.readings.get(name)) for row in rows)
    return [(t, float(v)) for t, v in values if isinstance(v, int | float)]


def _in_plot(when: datetime, night: NightFacts) -> bool:
    return night.sunset.timestamp() - _MARGIN_S <= when.timestamp() <= night.sunrise.timestamp() + _MARGIN_S
