"""An observatory that is only a picture: a made-up night over San Pedro Mártir, for panels to show.

It imports neither pytest nor anything of the tests, so that a kernel in JupyterLab can import it too.
"""

from __future__ import annotations

import atexit
import functools
import io
import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from PIL import Image

from pyros_kernel.lease import LeaseView
from pyros_kernel.safety import Reason, Safety, Verdict, read_rules
from pyros_kernel.snapshot import (
    AgentView,
    AlertView,
    DeviceView,
    ImageView,
    LogLine,
    NightView,
    PlanView,
    QuotaView,
    SequenceView,
    SkyView,
    Snapshot,
    Spot,
    Strip,
    TaskView,
)

ADA, GRACE = "ada on dome, process 42 (notebook)", "grace on desk, process 7 (notebook)"
LATITUDE_DEG, LONGITUDE_DEG = 31.0443, -115.4637


def at(hhmm: str, day: int = 23) -> float:
    """Unix seconds of a time in the night of 22 November 2026."""
    hour, minute = map(int, hhmm.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


NOW_S = at("07:12")
NIGHT = NightView("2026-11-22", "observing", "GRB 261123A", at("00:36"), at("02:01"), at("12:58"), at("14:23"))


def curve(ra_deg: float, dec_deg: float) -> tuple[tuple[float, float], ...]:
    """Altitude through the night, every ten minutes."""
    lat, dec = math.radians(LATITUDE_DEG), math.radians(dec_deg)
    points = []
    for s in np.arange(NIGHT.sunset_s, NIGHT.sunrise_s, 600.0):
        days = (s - 946728000.0) / 86400.0
        lst_deg = (280.46062 + 360.98564737 * days + LONGITUDE_DEG) % 360
        hour_angle = math.radians(lst_deg - ra_deg)
        sin_alt = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(hour_angle)
        points.append((float(s), round(math.degrees(math.asin(sin_alt)), 2)))
    return tuple(points)


_FILES = Path(tempfile.mkdtemp(prefix="pyros-stand-in-"))
atexit.register(shutil.rmtree, _FILES, ignore_errors=True)


def star_field(seed: int, size: int) -> NDArray[np.float64]:
    """Counts of a star field."""
    random = np.random.default_rng(seed)
    frame = random.normal(18, 1, (size, size))
    y, x = np.mgrid[:size, :size]
    for cx, cy, flux in zip(*random.uniform(0, size, (2, 70)), random.pareto(1.1, 70) * 60, strict=True):
        frame += min(flux, 3000) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 1.6**2))
    return frame


@functools.cache
def stars(seed: int, size: int = 256) -> bytes:
    """A PNG of a star field."""
    frame = star_field(seed, size)
    shown = np.clip(np.arcsinh(np.clip(frame - 8, 0, None) / 12) * 60, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "PNG")
    return out.getvalue()


@functools.cache
def star_file(seed: int, size: int = 256) -> str:
    """A FITS file of the same star field, which lies there as long as this process lives."""
    path = str(_FILES / f"{seed}.fits")
    fits.writeto(path, np.clip(star_field(seed, size) * 20, 0, 65535).astype(np.uint16))
    return path


def verdict(**unsafe: str) -> Verdict:
    """A verdict; ``humidity="humidity 91.0 % > 85 %"`` makes that one unsafe."""
    fine = {
        "rain": "rain: no",
        "humidity": "humidity 54.0 %",
        "wind_speed": "wind speed 6.3 m/s",
        "wind_gust": "wind gust 9.1 m/s",
        "cloud": "cloud 4.0 %",
        "temperature": "temperature 3.4 °C",
        "dew_gap": "dew gap 8.2 °C",
        "mains": "mains power: yes",
    }
    reasons = tuple(
        Reason(
            q,
            Safety.UNSAFE if q in unsafe else Safety.SAFE,
            unsafe.get(q, text),
            4.0 + i,
            "close_now" if q == "rain" else "close",
        )
        for i, (q, text) in enumerate(fine.items())
    )
    return Verdict(NOW_S - 3, Safety.UNSAFE if unsafe else Safety.SAFE, reasons)


def _sequence(
    id: int, name: str, who: str, status: str, slot: str, ra: float, dec: float, **more: bool
) -> SequenceView:
    start, end = (at(t) for t in slot.split("-"))
    return SequenceView(id, name, who, status, "", start, end, curve=curve(ra, dec), **more)


PLACED = (
    _sequence(1, "M 33", "GALAXIES", "executed", "02:05-03:25", 23.46, 30.66),
    _sequence(2, "WASP-33 b", "TRANSITS", "executed", "03:30-05:55", 36.71, 37.55),
    _sequence(3, "NGC 1275", "GALAXIES", "interrupted", "06:00-07:04", 49.95, 41.51),
    _sequence(4, "GRB 261123A", "GRB", "executing", "07:04-08:04", 70.0, 12.0, is_alert=True),
    _sequence(5, "Crab pulsar", "TIMING", "planned", "08:10-09:20", 83.63, 22.01),
    _sequence(6, "3C 273", "AGN", "planned", "11:40-12:50", 187.28, 2.05),
    _sequence(7, "M 67", "STANDARDS", "planned", "09:30-11:30", 132.85, 11.81),
)
REJECTED = (
    SequenceView(
        8,
        "Vega field",
        "STANDARDS",
        "observable",
        "never above 60.0° in this plan (highest 41.9° at 02:01 UTC)",
        None,
        None,
        curve=curve(279.2, 38.8),
        why="never above 60.0° in this plan (highest 41.9° at 02:01 UTC)",
        needs={"priority": "50", "altitude": "above 60°", "Sun": "below −18°"},
        min_altitude_deg=60.0,
    ),
    SequenceView(9, "NGC 253", "GALAXIES", "observable", "quota of GALAXIES is used up", None, None),
)
DEVICES = (
    DeviceView(
        "colibri",
        "telescope",
        True,
        True,
        {
            "state": "tracking",
            "RA, Dec": "04 40 00.0  +12 00 00",
            "Alt, Az": "68.4°  121.9°",
            "airmass": "1.08",
        },
        0.8,
        False,
        values={"altitude": 68.4, "azimuth": 121.9},
    ),
    DeviceView(
        "dome",
        "dome",
        True,
        True,
        {"shutter": "open", "azimuth": "122.4°", "slit": "on the telescope"},
        1.2,
        False,
    ),
    DeviceView(
        "ddrago",
        "camera_vis",
        True,
        False,
        {"activity": "exposing", "filter": "r", "detector": "−90.1 °C"},
        0.9,
        False,
        values={"remaining": 14.0, "exposure": 30.0},
    ),
    DeviceView(
        "cagire",
        "camera_nir",
        False,
        False,
        {"state": "idle", "filter": "J", "detector": "−170.3 °C"},
        184.0,
        True,
        "no answer from 127.0.0.1:11114 for 3 min",
    ),
    DeviceView("plc", "plc", True, True, {"outside": "3.4 °C, 54 %"}, 2.0, False),
)
ALERTS = (
    AlertView(
        1,
        "ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1234567-689",
        "GRB 261123A · Swift BAT",
        "observing",
        "strategy default: 12 × 30 s in r and J, priority 100",
        at("07:03"),
        70.0,
        12.0,
        {"parsed": 2.1, "stored": 6.4, "request": 11.8, "interrupt": 14.0, "slew": 19.3},
        file="alerts/2026-11-23/swift.xml",
        became="request 1046 “GRB 261123A”: executing",
    ),
    AlertView(
        2,
        "ivo://nasa.gsfc.gcn/Fermi#GBM_Flt_Pos_1",
        "Fermi GBM",
        "ignored",
        "error circle 12.4° > 1° of every strategy",
        at("04:40"),
        210.2,
        -41.0,
        {"parsed": 1.9, "stored": 5.5},
    ),
)
AGENTS = (
    AgentView("Majordome", "busy", "DO_SEQUENCE 4", NOW_S - 480, 0, 0, 0),
    AgentView("AlertManager", "running", "PACKET", NOW_S - 483, 0, 0, 0),
    AgentView("Scheduler", "running", "SCHEDULE", NOW_S - 481, 0, 0, 0),
    AgentView("Monitoring", "running", "–", None, 0, 2, 0),
    AgentView("Watcher", "hung", "TICK", NOW_S - 44, 7, 1, 2),
)
TASKS = (
    TaskView("a1b2c3", "execute_plan_vis", "7", "plan_vis_q", "PROGRESS", 0.25, "", 40.0),
    TaskView("d4e5f6", "analysis", "<12>", "analysis_q", "PENDING", None, "", 3.0),
    TaskView("070809", "scheduling", "", "scheduling_q", "LOST", None, "its worker died", 90.0),
)
LOG = (
    LogLine(at("07:03"), "INFO", "AlertManager", "packet of 4 311 bytes from 127.0.0.1"),
    LogLine(at("07:03"), "INFO", "AlertManager", "GRB 261123A accepted by strategy default"),
    LogLine(at("07:03"), "WARNING", "Majordome", "NGC 1275 interrupted by GRB 261123A"),
    LogLine(at("07:04"), "INFO", "Majordome", "slew to 04 40 00 +12 00 00"),
    LogLine(at("07:09"), "ERROR", "Monitoring", "cagire: no answer from 127.0.0.1:11114"),
    LogLine(at("07:11"), "INFO", "Majordome", "plan 3 of 12: r, 30 s"),
)


SKY = SkyView(
    Spot("Moon", "moon", 41.7, 250.0),
    (
        Spot("GRB 261123A", "executing", 68.4, 121.9, True),
        Spot("Crab pulsar", "planned", 62.0, 95.0),
        Spot("M 67", "planned", 12.0, 82.0),
        Spot("M 33", "executed", 48.0, 285.0),
        Spot("3C 273", "planned", -30.0, 60.0),
        Spot("NGC 253", "observable", 18.0, 215.0),
    ),
    20.0,
)


def weather() -> tuple[Strip, ...]:
    """Six hours of weather, a value a minute."""
    random = np.random.default_rng(7)
    times = np.arange(NOW_S - 6 * 3600, NOW_S, 60.0)

    def strip(quantity: str, unit: str, middle: float, swing: float, *limit: float) -> Strip:
        values = middle + swing * np.sin(times / 5000) + random.normal(0, swing / 8, len(times))
        return Strip(quantity, unit, tuple(zip(times.tolist(), values.round(2).tolist(), strict=True)), *limit)

    return (
        strip("temperature", "°C", 4.0, 2.0, -15.0, False),
        strip("humidity", "%", 54.0, 12.0, 85.0),
        strip("wind_speed", "m/s", 6.0, 3.0, 15.0),
        strip("cloud", "%", 8.0, 6.0, 90.0),
        strip("pressure", "hPa", 731.0, 1.0),
    )


def night() -> Snapshot:
    """A night in full swing."""
    return Snapshot(
        time_s=NOW_S,
        taken_real_s=time.monotonic(),
        speed=1.0,
        running=True,
        site="COLIBRI, San Pedro Mártir",
        latitude_deg=LATITUDE_DEG,
        longitude_deg=LONGITUDE_DEG,
        sun_altitude_deg=-63.2,
        moon_altitude_deg=41.7,
        moon_illumination=0.96,
        night=NIGHT,
        verdict=verdict(),
        devices=DEVICES,
        images=(
            ImageView(
                "ddrago",
                "data/2026-11-22/ddrago-0042.fits",
                "GRB 261123A · r 30 s",
                NOW_S - 21,
                stars(4),
                file=star_file(4),
                figures={"stars": 62.0, "fwhm_px": 3.8, "median": 361.0},
            ),
            ImageView(
                "cagire",
                "data/2026-11-22/cagire-0039.fits",
                "GRB 261123A · J 30 s",
                NOW_S - 190,
                stars(5),
                file=star_file(5),
                figures={"stars": 58.0, "fwhm_px": 3.8, "median": 361.0},
            ),
        ),
        placed=PLACED,
        rejected=REJECTED,
        alerts=ALERTS,
        agents=AGENTS,
        tasks=TASKS,
        log=LOG,
        timezone="America/Tijuana",
        moon_curve=curve(72.0, 24.0),
        sky=SKY,
        weather=weather(),
        rules=read_rules(),
        plan=PlanView(at("07:04"), "alert 1 goes first", "1 new (GRB 261123A); 1 out (NGC 253)", 9640.0, 9800.0),
        lease=commanded(),
        quotas=(QuotaView("GALAXIES", 30.0, 500 * 3600.0, 125 * 3600.0), QuotaView("GRB", 0.0, None, 3600.0)),
    )


def commanded(holder: str = ADA, asked_by: str = "", asked_for: str = "") -> LeaseView:
    """Who commands; this kernel is Ada's."""
    return LeaseView(holder, datetime(2026, 11, 22, 23, 40, tzinfo=UTC) if holder else None, None, asked_by, asked_for)


def stopped() -> Snapshot:
    """An observatory that was not started."""
    return Snapshot(
        NOW_S, time.monotonic(), 1.0, False, "COLIBRI, San Pedro Mártir", LATITUDE_DEG, LONGITUDE_DEG,
        math.nan, math.nan, math.nan, None, None,
    )  # fmt: skip


class Answer(NamedTuple):
    """What a receiver says."""

    ack: bool
    text: str


class Explained(NamedTuple):
    """What would become of an alert."""

    outcome: str
    reasons: tuple[str, ...]


class Lines:
    """Take single commands."""

    devices: ClassVar = {"telescope": "TELESCOPE", "dome": "DOME", "camera_vis": "CAMERA_VIS"}

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note

    def send(self, device: str, action: str, operation: str, *values: float | str) -> dict[str, object]:
        self._note("line", device, action, operation, *map(str, values))
        return {"state": "<tracking>"}


class Reasons(NamedTuple):
    """Why a sequence has no place."""

    reason: str
    rivals: tuple[str, ...]
    change: str


class Hands:
    """Take what is wanted of the schedule."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note

    def pin(self, sequence: int, when: float | str) -> None:
        self._note("pin", str(sequence), str(when))

    def drop(self, sequence: int, reason: str) -> None:
        self._note("drop", str(sequence), reason)

    def release(self, sequence: int) -> None:
        self._note("release", str(sequence))

    def reprioritise(self, sequence: int, priority: float) -> None:
        self._note("reprioritise", str(sequence), f"{priority:g}")

    def explain(self, sequence: int) -> Reasons:
        self._note("explain", str(sequence))
        return Reasons("no room <left>", ("Crab pulsar",), "300 s shorter it would fit")


class Command:
    """Hold the lease, or not.

    :param holder: who commands
    """

    me = ADA

    def __init__(self, note: Callable[..., None], holder: str) -> None:
        self._note, self.held = note, holder == self.me

    def ask(self, why: str) -> None:
        self._note("ask", why)

    def hand_over(self) -> None:
        self._note("hand over")


class StandIn:
    """Give a picture, and note the commands with the thread they came from.

    :param picture: what :meth:`snapshot` gives; may be replaced at any time
    :param speed: observatory seconds per real second that the picture's time runs
    """

    def __init__(self, picture: Snapshot | None = None, speed: float = 0.0) -> None:
        self.picture = picture or night()
        self.speed = speed
        self.commands: list[tuple[str, ...]] = []
        self.threads: list[str] = []
        self.refusal: Exception | None = None
        self.broken: Exception | None = None
        self._began = time.monotonic()

    def snapshot(self) -> Snapshot:
        if self.broken:
            raise self.broken
        now = time.monotonic()
        time_s = self.picture.time_s + (now - self._began) * self.speed
        return replace(self.picture, time_s=time_s, taken_real_s=now, speed=self.speed or 1.0)

    def change(self, **fields: object) -> None:
        """Change fields of the picture."""
        self.picture = replace(self.picture, **fields)  # type: ignore[arg-type]

    def in_state(self, status: str, reason: str = "") -> None:
        """Change the state of the night."""
        self.change(night=replace(NIGHT, status=status, reason=reason))

    def start(self) -> None:
        self._note("start")

    def stop(self) -> None:
        self._note("stop")

    def observe(self) -> None:
        self._note("observe")

    def pause(self, reason: str) -> None:
        self._note("pause", reason)
        self.in_state("paused", reason)

    def resume(self) -> None:
        self._note("resume")
        self.in_state("observing")

    def stop_night(self, reason: str) -> None:
        self._note("stop_night", reason)

    def abort(self, reason: str) -> None:
        self._note("abort", reason)

    @property
    def alerts(self) -> StandIn:
        return self

    @property
    def agents(self) -> StandIn:
        return self

    @property
    def lease(self) -> Command:
        return Command(self._note, self.picture.lease.holder if self.picture.lease else "")

    def take_over(self, why: str) -> None:
        self._note("take over", why)

    @property
    def schedule(self) -> Hands:
        return Hands(self._note)

    def send(self, path: str) -> Answer:
        self._note("send", path)
        return Answer(True, "taken <as a copy>")

    def explain(self, packet: str) -> Explained:
        self._note("explain", packet)
        return Explained("observed at once", ("strategy <GRB> wants it", "its position is up"))

    def replay(self, path: str, when: str | None = None) -> None:
        self._note("replay", path, when or "now")

    @property
    def by_hand(self) -> Lines:
        return Lines(self._note)

    def restart(self, name: str) -> None:
        self._note("restart", name)

    @property
    def tasks(self) -> StandIn:
        return self

    def revoke(self, uuid: str) -> None:
        self._note("revoke", uuid)

    def _note(self, *command: str) -> None:
        if self.refusal:
            raise self.refusal
        self.commands.append(command)
        self.threads.append(threading.current_thread().name)
