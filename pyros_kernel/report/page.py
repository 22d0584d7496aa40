"""The night's report: one page that needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

from pyros_kernel.report.facts import NightFacts, read_night
from pyros_kernel.report.reaction import reaction_chart
from pyros_kernel.report.services import ReportServices
from pyros_kernel.report.summary import write_whole
from pyros_kernel.report.thumbnails import groups, is_aid
from pyros_kernel.report.timeline import colours, timeline
from pyros_kernel.report.weather import unsafe_stretches, weather_chart
from pyros_kernel.store import Site


def write_report(night_id: int, *, services: ReportServices, path: Path | None = None) -> Path:
    """Write a night's report as it stands, and say where it is.

    :param path: where to; ``<data>/<night>/report.html`` if left out
    """
    # Loaded at a night's end, not at each start.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    night = read_night(night_id, services)
    data = services.settings.data
    styles = colours(night)
    # Everything that comes from outside goes through the template's escaping or the drawings' own.
    pages = Environment(
        loader=PackageLoader("pyros_kernel.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template("report.html").render(
        night=night,
        site=services.site,
        place=_place(services.site),
        times=_times(night, services.site),
        tiles=_tiles(night),
        moon=services.sky.moon(_middle_s(night)),
        timeline=timeline(night, services.sky),
        weather=weather_chart(night),
        unsafe=unsafe_stretches(night.weather),
        styles=styles,
        legend=_legend(night, styles),
        reaction=reaction_chart,
        groups=groups(night, styles, data),
        acquisition=sorted(Counter(image.camera for image in night.images if is_aid(image)).items()),
        calibrations=_calibrations(night),
        made=datetime.fromtimestamp(services.clock.unix_s(), UTC),
        version=_version(),
    )
    return write_whole(path or data / night.name / "report.html", page)


def _place(site: Site) -> str:
    north = "N" if site.latitude_deg >= 0 else "S"
    east = "E" if site.longitude_deg >= 0 else "W"
    return f"{abs(site.latitude_deg):.4f}° {north}, {abs(site.longitude_deg):.4f}° {east}, {site.elevation_m:.0f} m"


def _times(night: NightFacts, site: Site) -> list[tuple[str, str, str]]:
    """Give the night's limits: name, UTC, and the site's own time."""
    zone = ZoneInfo(site.timezone)
    return [
        (name, f"{when:%H:%M}", f"{when.astimezone(zone):%H:%M}")
        for name, when in (
            ("Sunset", night.sunset),
            ("Dusk", night.dusk),
            ("Dawn", night.dawn),
            ("Sunrise", night.sunrise),
        )
    ]


def _tiles(night: NightFacts) -> list[tuple[str, str, str]]:
    """Give the figures at the top: value, what it is, and a remark."""
    dark_s = (night.dawn - night.dusk).total_seconds()
    open_s = _open_shutter_s(night)
    outcomes = Counter(fact.outcome for fact in night.sequences)
    kinds, aids = Counter(image.kind for image in night.images), sum(map(is_aid, night.images))
    unsafe_s = sum((s.end - s.start).total_seconds() for s in unsafe_stretches(night.weather))
    tiles = [
        (_duration(dark_s), "dark time", "Sun below −18°"),
        (_duration(open_s), "shutter open", f"{open_s / dark_s:.0%} of the dark time" if dark_s > 0 else ""),
        (
            f"{outcomes['executed']} / {len(night.sequences)}",
            "sequences executed",
            ", ".join(f"{n} {word}" for word, n in sorted(outcomes.items()) if word != "executed"),
        ),
        (str(kinds["light"] - aids), "science images", _others(len(night.images) - kinds["light"], aids)),
    ]
    slews = [ms for alert in night.alerts if (ms := alert.steps_ms.get("slew_sent")) is not None]
    if night.alerts:
        fastest = f"slew sent {_ms(min(slews))} after the last byte" if slews else "none interrupted the night"
        tiles.append((str(len(night.alerts)), "alert" if len(night.alerts) == 1 else "alerts", fastest))
    tiles.append((_duration(unsafe_s) if unsafe_s else "none", "unsafe time", "by the safety rules' verdict"))
    return tiles


def _others(calibrations: int, aids: int) -> str:
    return f"{calibrations} calibration frames" + (f", {aids} to centre and focus" if aids else "")


def _open_shutter_s(night: NightFacts) -> float:
    """Give how long at least one shutter was open on the sky: the union, as cameras expose together."""
    spans = sorted(
        (image.start.timestamp(), image.start.timestamp() + image.exposure_time_s)
        for image in night.images
        if image.kind == "light"
    )
    total, reached = 0.0, float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _middle_s(night: NightFacts) -> float:
    return (night.dusk.timestamp() + night.dawn.timestamp()) / 2


def _legend(night: NightFacts, styles: dict[int, str]) -> list[tuple[str, str]]:
    """Give style and name of each programme in the charts."""
    named = {("alert", "Alerts") if f.is_alert else (styles[f.id], f.programme): None for f in night.sequences}
    return sorted(named, key=lambda entry: entry[0] == "alert")


def _calibrations(night: NightFacts) -> list[tuple[str, str, int]]:
    counted = Counter((image.camera, image.kind) for image in night.images if image.kind != "light")
    return [(camera, kind, count) for (camera, kind), count in sorted(counted.items())]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"


def _ms(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 10_000 else f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms"


def _version() -> str:
    try:
        return version("pyros-observatory")
    except PackageNotFoundError:
        return "not installed"
