"""The night's sequences: altitude against time, and below it what was planned and what was done."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from pyros_kernel.report.facts import NightFacts
from pyros_kernel.report.sequences import SequenceFacts
from pyros_kernel.report.svg import LEFT, RIGHT, WIDTH, Drawing
from pyros_kernel.scheduling import Sky, altitude_curve

_TOP, _PLOT = 14.0, 260.0
_LANE, _LANE_GAP = 24.0, 8.0
_LANES_TOP = _TOP + _PLOT + 30.0
_COLOURS = 7
_MARGIN_S = 1200.0
_LETTER = 7.0  # mean width of a letter in a bar's label


def colours(night: NightFacts) -> dict[int, str]:
    """Give each sequence the style of its programme; alerts have their own."""
    programmes = sorted({fact.programme for fact in night.sequences if not fact.is_alert})
    return {
        fact.id: "alert" if fact.is_alert else f"p{programmes.index(fact.programme) % _COLOURS}"
        for fact in night.sequences
    }


def timeline(night: NightFacts, sky: Sky) -> Markup:
    """Draw the night."""
    start_s, end_s = night.sunset.timestamp() - _MARGIN_S, night.sunrise.timestamp() + _MARGIN_S
    height = _LANES_TOP + 2 * _LANE + _LANE_GAP + 26
    drawing = Drawing(start_s, end_s, height, "Altitude of the night's targets, and the schedule planned and done")
    _twilight(drawing, night)
    drawing.hours(_TOP, _TOP + _PLOT)
    for altitude in (0, 30, 60, 90):
        y = _y(altitude)
        drawing.line(LEFT, y, WIDTH - RIGHT, y, "grid")
        drawing.text(LEFT - 8, y + 4, f"{altitude}°", "tick", "end")
    times_s = np.linspace(start_s, end_s, 145)
    moon = sky.moon_altitude_deg(times_s)
    _curve(drawing, times_s, moon, "moon", "Moon")
    style = colours(night)
    for fact in night.sequences:
        altitudes = altitude_curve(fact.ra_deg, fact.dec_deg, sky, times_s)
        _curve(drawing, times_s, altitudes, f"faint {style[fact.id]}", fact.name)
    for fact in night.sequences:
        span = _done(fact) or fact.planned
        if span is not None:
            own_s = np.linspace(span[0].timestamp(), span[1].timestamp(), 25)
            kind = "bold" if fact.started else "bold hollow"
            altitudes = altitude_curve(fact.ra_deg, fact.dec_deg, sky, own_s)
            _curve(drawing, own_s, altitudes, f"{kind} {style[fact.id]}", _tell(fact))
    _lanes(drawing, night, style)
    for alert in night.alerts:
        x = drawing.x(alert.received.timestamp())
        drawing.line(x, _TOP, x, _LANES_TOP + 2 * _LANE + _LANE_GAP, "alertline", f"{alert.ivorn}: {alert.status}")
        drawing.text(x, _TOP - 3, "▼", "alertmark", "middle")
    return drawing.render()


def _lanes(drawing: Drawing, night: NightFacts, style: dict[int, str]) -> None:
    below = _LANES_TOP + _LANE + _LANE_GAP
    drawing.text(LEFT - 8, _LANES_TOP + 16, "plan", "tick", "end")
    drawing.text(LEFT - 8, below + 16, "done", "tick", "end")
    for y in (_LANES_TOP, below):
        drawing.rect(LEFT, WIDTH - RIGHT, y, _LANE, "lane", radius=4)
    planned: list[_Bar] = []
    done: list[_Bar] = []
    for number, fact in enumerate(night.sequences, 1):
        if fact.planned is not None:
            planned.append(_Bar(fact, number, fact.planned, f"bar planned {style[fact.id]}"))
        span = _done(fact)
        if span is not None:
            done.append(_Bar(fact, number, span, f"bar {style[fact.id]} {fact.outcome}"))
    _bars(drawing, planned, _LANES_TOP)
    _bars(drawing, done, below)
    drawing.hours(_LANES_TOP, below + _LANE)


class _Bar(NamedTuple):
    fact: SequenceFacts
    number: int
    span: tuple[datetime, datetime]
    style: str


def _bars(drawing: Drawing, bars: list[_Bar], y: float) -> None:
    """Draw a lane; a bar that another one lies on is labelled where it can be seen."""
    bars = sorted(bars, key=lambda bar: bar.span[0])
    for index, bar in enumerate(bars):
        x0, x1 = drawing.x(bar.span[0].timestamp()), drawing.x(bar.span[1].timestamp())
        drawing.rect(x0, x1 - 0.7, y, _LANE, bar.style, _tell(bar.fact), radius=3)
        if index + 1 < len(bars):
            x1 = min(x1, drawing.x(bars[index + 1].span[0].timestamp()))
        room = int((x1 - x0 - 6) / _LETTER)
        if room >= len(str(bar.number)):
            words = f"{bar.number} {bar.fact.name}"
            short = f"{words[: room - 1]}…" if room >= 8 else str(bar.number)
            drawing.text((x0 + x1) / 2, y + 16, words if len(words) <= room else short, "barlabel", "middle")


def _twilight(drawing: Drawing, night: NightFacts) -> None:
    limits = [night.sunset, night.dusk, night.dawn, night.sunrise]
    sunset, dusk, dawn, sunrise = (drawing.x(when.timestamp()) for when in limits)
    for x0, x1, style in (
        (LEFT, sunset, "day"),
        (sunset, dusk, "twilight"),
        (dusk, dawn, "dark"),
        (dawn, sunrise, "twilight"),
        (sunrise, WIDTH - RIGHT, "day"),
    ):
        drawing.rect(x0, x1, _TOP, _PLOT, style)


def _curve(drawing: Drawing, times_s: np.ndarray, altitudes: np.ndarray, style: str, title: str) -> None:
    """Draw the parts of a curve above the horizon."""
    points: list[tuple[float, float]] = []
    for time_s, altitude in zip(times_s.tolist(), altitudes.tolist(), strict=True):
        if altitude >= 0:
            points.append((drawing.x(time_s), _y(altitude)))
        else:
            drawing.path(points, f"curve {style}", title)
            points = []
    drawing.path(points, f"curve {style}", title)


def _y(altitude_deg: float) -> float:
    return _TOP + _PLOT * (1 - altitude_deg / 90)


def _done(fact: SequenceFacts) -> tuple[datetime, datetime] | None:
    return (fact.started, fact.ended) if fact.started and fact.ended else None


def _tell(fact: SequenceFacts) -> str:
    words = [f"{fact.name} ({fact.programme}): {fact.outcome}"]
    if fact.planned:
        words.append(f"planned {fact.planned[0]:%H:%M}–{fact.planned[1]:%H:%M}")
    if fact.started:
        words.append(f"done {fact.started:%H:%M:%S}–" + (f"{fact.ended:%H:%M:%S}" if fact.ended else "…"))
    return ", ".join(words)
