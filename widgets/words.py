"""Numbers, times and small pieces of HTML, written the same way in every panel."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_J2000_UNIX_S = 946728000.0  # 2000-01-01 12:00 UTC
_DAY_S = 86400.0


def esc(text: object) -> str:
    """Make any text harmless in HTML, in an attribute too."""
    return html.escape(str(text), quote=True)


def clock_text(unix_s: float, form: str = "%H:%M:%S") -> str:
    """Write a time, UTC; a dash for one that isn't there."""
    if not math.isfinite(unix_s):
        return "–"
    return datetime.fromtimestamp(unix_s, UTC).strftime(form)


def civil_text(unix_s: float, timezone: str) -> tuple[str, str]:
    """Write a time as clocks on the site's walls show it, and name their zone; UTC for a zone nobody knows."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return clock_text(unix_s, "%H:%M"), "UTC"
    local = datetime.fromtimestamp(unix_s, zone)
    return f"{local:%H:%M}", local.tzname() or timezone


def span_text(seconds: float | None) -> str:
    """Write a length of time, with two digits or so: ``12 s``, ``4 min``, ``2 h 05``, ``3 d``."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = round(abs(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole / 60:.0f} min"
    if whole < 2 * _DAY_S:
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"
    return f"{whole / _DAY_S:.0f} d"


def age_text(seconds: float | None) -> str:
    """Write an age; ``never`` for what was never read."""
    return "never" if seconds is None else span_text(seconds)


def degrees_text(value: float, digits: int = 0) -> str:
    """Write an angle in degrees, with a true minus sign."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}°".replace("-", "−")


def position_text(latitude_deg: float, longitude_deg: float) -> str:
    """Write a place on Earth."""
    ns, ew = "NS"[latitude_deg < 0], "EW"[longitude_deg < 0]
    return f"{abs(latitude_deg):.3f}° {ns}, {abs(longitude_deg):.3f}° {ew}"


def mean_solar_s(unix_s: float, longitude_deg: float) -> float:
    """Tell the local mean solar time, as if it were a unix time."""
    return unix_s + longitude_deg * 240.0


def sidereal_s(unix_s: float, longitude_deg: float) -> float:
    """Tell the local mean sidereal time in seconds, 0 … 86400.

    The linear term of IAU 1982's GMST, within a second of it (and of UT1) for decades around 2000; source:
    Astronomical Almanac, "Approximate sidereal time", GMST = 18.697374558 h + 24.06570982441908 h × D.
    """
    days = (unix_s - _J2000_UNIX_S) / _DAY_S
    return ((18.697374558 + 24.06570982441908 * days) * 3600.0 + longitude_deg * 240.0) % _DAY_S


def pill(tone: str, text: str) -> str:
    """Show a state by word, dot and colour."""
    return f'<span class="pill {esc(tone)}"><i></i>{esc(text)}</span>'


def fields(pairs: Mapping[str, str] | Iterable[tuple[str, str]], kind: str = "fields") -> str:
    """Show labelled values; the values are text, not HTML.

    :param kind: CSS class: ``fields`` below each other, ``figures`` side by side
    """
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    rows = "".join(f"<div><dt>{esc(label)}</dt><dd>{esc(value)}</dd></div>" for label, value in items)
    return f'<dl class="{kind}">{rows}</dl>' if rows else ""


def table(heads: Iterable[str], rows: Iterable[str], caption: str) -> str:
    """Frame rows (``<tr>…</tr>``) into a table; a head that starts with ``#`` stands over numbers."""
    cells = "".join(
        f'<th scope="col" class="num">{esc(h[1:])}</th>' if h.startswith("#") else f'<th scope="col">{esc(h)}</th>'
        for h in heads
    )
    head = f"<thead><tr>{cells}</tr></thead>"
    return f'<table aria-label="{esc(caption)}">{head}<tbody>{"".join(rows)}</tbody></table>'


def frame(title: str, body: str, aside: str = "") -> str:
    """Frame a part of a panel: a title, something short beside it, and the body (both HTML)."""
    return (
        f'<section role="region" aria-label="{esc(title)}"><div class="title"><h3>{esc(title)}</h3>'
        f'<span class="aside">{aside}</span></div>{body}</section>'
    )


def nothing(text: str) -> str:
    """Say that there is nothing to show, and why."""
    return f'<p class="nothing">{esc(text)}</p>'


def legend(signs: Iterable[tuple[str, str]]) -> str:
    """Say what the signs of a chart mean: CSS class of the sign, and its meaning."""
    items = "".join(f'<li><i class="sign {esc(kind)}"></i>{esc(text)}</li>' for kind, text in signs)
    return f'<ul class="legend" aria-label="Legend">{items}</ul>' if items else ""
