"""Where and when: the site, its times, the night's state, Sun and Moon."""

from __future__ import annotations

import math

from pyros_kernel.snapshot import NightView, Snapshot
from widgets.tones import night_tone
from widgets.words import (
    civil_text,
    clock_text,
    degrees_text,
    esc,
    mean_solar_s,
    pill,
    position_text,
    sidereal_s,
    span_text,
)

_TWILIGHTS = (
    (-0.833, "day"),
    (-6.0, "civil twilight"),
    (-12.0, "nautical twilight"),
    (-18.0, "astro. twilight"),
)


def header_html(snapshot: Snapshot) -> str:
    """Write the header."""
    # A stopped observatory has no clock, and no sky above it.
    parts = (_site, _times, _sky, _state) if snapshot.running else (_site, _state)
    return f'<header role="banner">{"".join(part(snapshot) for part in parts)}</header>'


def _site(s: Snapshot) -> str:
    speed = (
        f'<span class="chip" title="the clock runs {s.speed:g} times faster">×{s.speed:g}</span>'
        if s.speed != 1
        else ""
    )
    title = f"<h2>{esc(s.site or 'PyROS')} {speed}</h2>"
    if not s.running:
        return f'<div class="site">{title}</div>'
    night = f"night {esc(s.night.name)}" if s.night else "no night yet"
    return f'<div class="site">{title}<p>{night}</p><p>{position_text(s.latitude_deg, s.longitude_deg)}</p></div>'


def _times(s: Snapshot) -> str:
    civil, zone = civil_text(s.time_s, s.timezone)
    solar = clock_text(mean_solar_s(s.time_s, s.longitude_deg), "%H:%M")
    sidereal = clock_text(sidereal_s(s.time_s, s.longitude_deg), "%H:%M:%S")
    return (
        f'<div class="times"><p class="clock" aria-label="time UTC">{clock_text(s.time_s)}<small>UTC</small></p>'
        f"<p>{clock_text(s.time_s, '%a %d %b %Y')}</p>"
        f'<p><span title="civil time, {esc(s.timezone)}; mean solar time {solar}">{civil} {esc(zone)}</span> · '
        f'<span title="local mean sidereal time">{sidereal} LST</span></p></div>'
    )


def _sky(s: Snapshot) -> str:
    sun, moon, lit = s.sun_altitude_deg, s.moon_altitude_deg, s.moon_illumination
    disc = '<svg viewBox="-12 -12 24 24" aria-hidden="true"><circle class="sun" r="6"/></svg>'
    return (
        f'<div class="sky"><p>{disc}<b>{degrees_text(sun, 1)}</b> Sun · {twilight(sun)}</p>'
        f"<p>{_moon(lit)}<b>{degrees_text(moon, 1)}</b> Moon · {_percent(lit)} lit</p>"
        f"<p>{esc(next_limit(s.night, s.time_s)) if s.night else ''}</p></div>"
    )


def _state(s: Snapshot) -> str:
    if not s.running:
        badge, why = pill("idle", "observatory stopped"), "Start opens the store, the devices and the agents."
    elif s.night is None:
        badge, why = pill("idle", "no night"), ""
    else:
        badge, why = pill(night_tone(s.night.status), s.night.status), s.night.reason
    return f'<div class="state"><p role="status">{badge}</p><p class="why">{esc(why)}</p></div>'


def twilight(sun_altitude_deg: float) -> str:
    """Name the part of the day by the Sun's altitude."""
    if not math.isfinite(sun_altitude_deg):
        return "–"
    return next((word for limit, word in _TWILIGHTS if sun_altitude_deg > limit), "night")


def next_limit(night: NightView, time_s: float) -> str:
    """Say how long until the next limit of the night."""
    limits = (
        ("sunset", night.sunset_s),
        ("dusk", night.dusk_s),
        ("dawn", night.dawn_s),
        ("sunrise", night.sunrise_s),
    )
    for name, at_s in limits:
        if at_s > time_s:
            return f"{name} {clock_text(at_s, '%H:%M')}, in {span_text(at_s - time_s)}"
    return f"sunrise was at {clock_text(night.sunrise_s, '%H:%M')}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.0f} %" if math.isfinite(fraction) else "–"


def _moon(illumination: float) -> str:
    lit = min(max(illumination, 0.0), 1.0) if math.isfinite(illumination) else 0.0
    # The terminator is half an ellipse, of half-width r·|1 − 2k| for an illuminated fraction k.
    bulge, sweep = abs(1 - 2 * lit) * 9, int(lit > 0.5)
    return (
        '<svg viewBox="-12 -12 24 24" aria-hidden="true"><circle class="moon-dark" r="9"/>'
        f'<path class="moon-lit" d="M0,-9 A9,9 0 0 1 0,9 A{bulge:.2f},9 0 0 {sweep} 0,-9 Z"/></svg>'
    )
