"""A finished night in a store: planned, observed, interrupted by an alert, closed for humidity."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments import Frame, FrameKind
from pyros_kernel.clock import ManualClock
from pyros_kernel.images import ImageArchive, ImageContext
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import (
    AgentLog,
    Album,
    Alert,
    AlertStatus,
    Channel,
    Night,
    NightStatus,
    PlacedSequence,
    Plan,
    Request,
    RequestKind,
    Schedule,
    ScientificProgramme,
    Sequence,
    SequenceStatus,
    Site,
    Store,
    User,
    Weather,
)
from pyros_kernel.tasks.analysis import analyse_image

NIGHT = "2026-11-21"
HOSTILE = "<script>alert('x')</script>"
IVORN = "ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1262416-417"


@dataclass
class Services:
    clock: ManualClock
    site: Site
    store: Store
    settings: Settings
    sky: Sky
    archive: ImageArchive
    started: tuple[float, float]
    night_id: int


def _open(directory: Path) -> Services:
    """Open what lies in a directory, with the night in the store."""
    settings = Settings.from_environment(directory)
    store = Store.open(f"sqlite:///{directory / 'pyros.sqlite'}")
    with store.session() as session:
        site = session.scalars(select(Site)).one()
        sky = Sky(site, NIGHT)
        night = session.scalar(select(Night).where(Night.name == NIGHT))
        if night is None:
            limits = {
                name: datetime.fromtimestamp(getattr(sky.night, f"{name}_unix_s"), UTC)
                for name in ("sunset", "dusk", "dawn", "sunrise")
            }
            night = Night(name=NIGHT, site=site, **limits)
            session.add(night)
            session.flush()
            _weather(session, night)
        night_id = night.id
    clock = ManualClock(Time("2026-11-22T14:00:00"))
    started = (clock.unix_s() - 50_000, 0.0)
    return Services(clock, site, store, settings, sky, ImageArchive(directory), started, night_id)


@pytest.fixture
def services(store_template: Path, tmp_path: Path) -> Iterator[Services]:
    """Give a night in which nothing has happened but weather."""
    shutil.copyfile(store_template, tmp_path / "pyros.sqlite")
    opened = _open(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture(scope="session")
def full_night_template(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the data directory that each test's full night is a copy of."""
    directory = tmp_path_factory.mktemp("full_night")
    shutil.copyfile(store_template, directory / "pyros.sqlite")
    services = _open(directory)
    _observe(services)
    services.store.close()
    return directory


@pytest.fixture
def full_night(full_night_template: Path, tmp_path: Path) -> Iterator[Services]:
    """Give a night that is over."""
    shutil.copytree(full_night_template, tmp_path, dirs_exist_ok=True)
    opened = _open(tmp_path)
    yield opened
    opened.store.close()


def _weather(session: Session, night: Night) -> None:
    at = night.sunset - timedelta(minutes=30)
    while at < night.sunrise:
        hours = (at - night.sunset).total_seconds() / 3600
        humidity = 45 + 6 * math.sin(hours) + 48 * math.exp(-(((hours - 7.6) / 0.35) ** 2))
        readings = {
            "temperature": 9.5 - 0.55 * hours + 0.3 * math.sin(5 * hours),
            "humidity": humidity,
            "wind_speed": 5 + 2 * math.sin(hours / 1.7) + 0.6 * math.sin(11 * hours),
            "wind_gust": 7.4 + 2.6 * math.sin(hours / 1.7) + 1.3 * math.sin(13 * hours),
            "rain": False,
        }
        wet = humidity > 85
        reason = f"humidity {humidity:.0f} % > 85 % (2 s old)" if wet else ""
        session.add(Weather(time=at, source="plc", readings=readings, safe=not wet, reason=reason))
        at += timedelta(minutes=2)


def _observe(services: Services) -> None:
    """Observe: two executed, one interrupted by an alert, the alert, one failed, one not reached, two rejected."""
    with services.store.session() as session:
        night = session.get_one(Night, services.night_id)
        night.become(NightStatus.WAITING)
        user = session.scalars(select(User)).first()
        assert user is not None
        names = ("SN light curves", "Exoplanet transits", f"Asteroids {HOSTILE}", "Bursts")
        programmes = [ScientificProgramme(name=name) for name in names]
        session.add_all(programmes)
        first = Schedule(
            created=night.dusk, plan_start=night.dusk, plan_end=night.dawn, night=night,
            reason="observing begins", changes="1 new (NGC 300)", value=96.0, bound=100.0,
        )  # fmt: skip
        session.add(first)

        def add(
            name: str, programme: int, ra: float, dec: float, start_h: float, length_h: float,
            outcome: SequenceStatus | None, reason: str = "", kind: RequestKind = RequestKind.ROUTINE,
        ) -> Sequence:  # fmt: skip
            request = Request(name=f"request {name}", kind=kind, user=user, programme=programmes[programme])
            plans = [Plan(filter=f, exposure_time_s=60.0, number_of_images=2) for f in ("r", "g")]
            sequence = Sequence(
                name=name, target=name.split()[0], ra_deg=ra, dec_deg=dec, request=request,
                albums=[Album(channel=Channel.VIS, plans=plans)],
            )  # fmt: skip
            session.add(sequence)
            start = night.dusk + timedelta(hours=start_h)
            end = start + timedelta(hours=length_h)
            if length_h:
                first.entries.append(PlacedSequence(start=start, end=end, sequence=sequence))
            else:
                first.entries.append(PlacedSequence(reason=reason, sequence=sequence))
            sequence.become(SequenceStatus.OBSERVABLE)
            if outcome is not None:
                sequence.become(SequenceStatus.PLANNED)
            if outcome not in (None, SequenceStatus.PLANNED):
                sequence.become(SequenceStatus.EXECUTING)
                sequence.started = start + timedelta(minutes=2)
                sequence.ended = end - timedelta(minutes=1)
                sequence.become(SequenceStatus.INTERRUPTED if outcome is SequenceStatus.OBSERVABLE else outcome, reason)
            if outcome is SequenceStatus.OBSERVABLE:
                sequence.ended = start + timedelta(minutes=25)
                sequence.become(outcome, reason)
            return sequence

        S = SequenceStatus
        sequences = [
            add("SN 2026abc", 0, 20.0, 30.0, 0.1, 1.4, S.EXECUTED, "4 images"),
            add("WASP-12 transit", 1, 97.6, 29.7, 1.6, 2.2, S.EXECUTED, "4 images"),
            add(f"433 Eros {HOSTILE}", 2, 110.0, 12.0, 4.0, 1.5, S.OBSERVABLE, "to be scheduled again: alert 1"),
            add("GRB 261122A", 3, 126.0, 5.0, 4.42, 1.1, S.EXECUTED, "4 images", RequestKind.ALERT),
            add("SN 2026xyz", 0, 150.0, 22.0, 6.9, 0.9, S.FAILED, "camera_vis: expose: Timeout after 70 s"),
            add("HAT-P-7 transit", 1, 165.0, 40.0, 9.0, 1.2, S.PLANNED, "not reached in the night"),
            add("NGC 300", 0, 13.7, -60.0, 0, 0, None, "never above 30° (highest −1.0° at 05:12)"),
            add("Deep field", 2, 150.1, 2.2, 0, 0, None, f"no room left: {HOSTILE} has priority"),
        ]
        alert = Alert(
            ivorn=IVORN, digest="0" * 40, role="observation", packet_type="BAT GRB Pos",
            received=night.dusk + timedelta(hours=4.43), ra_deg=126.0, dec_deg=5.0, error_deg=0.05,
            steps={"stored": 1.92, "acknowledged": 2.31, "decided": 3.05, "requested": 6.4, "interrupted": 9.8,
                   "slew_sent": 14.7, "note": "not a figure"},
            request=sequences[3].request,
        )  # fmt: skip
        session.add(alert)
        for status in (AlertStatus.ACCEPTED, AlertStatus.OBSERVING, AlertStatus.OBSERVED):
            alert.become(status, "strategy 'Swift BAT'")
        ignored = Alert(
            ivorn=f"ivo://test/{HOSTILE}", digest="1" * 40, role="test", received=night.dusk + timedelta(hours=7),
            steps={"stored": 1.4, "decided": 2.2},
        )  # fmt: skip
        session.add(ignored)
        ignored.become(AlertStatus.IGNORED, "role is test")
        for minutes, level, text in (
            (260, "WARNING", "unsafe: humidity 86 % > 85 %"),
            (415, "ERROR", f"plan 9: {HOSTILE} camera timed out"),
            (420, "INFO", "not in the extract"),
        ):
            session.add(
                AgentLog(time=night.dusk + timedelta(minutes=minutes), agent="Majordome", level=level, message=text)
            )
        session.flush()
        shots = [
            (plan.id, plan.filter, sequence.started + timedelta(minutes=4 * i + 9 * j), sequence.name)
            for sequence in sequences
            if sequence.started is not None and sequence.status is not S.FAILED
            for i, plan in enumerate(sequence.albums[0].plans)
            for j in range(2)
        ]
    for seed, (plan_id, band, start, name) in enumerate(shots):
        shoot(services, FrameKind.LIGHT, start, seed, band, plan_id, name)
    for number in range(3):
        shoot(services, FrameKind.BIAS, datetime(2026, 11, 22, 13, 50 + number, tzinfo=UTC), 900 + number)


def shoot(
    services: Services, kind: FrameKind, start: datetime, seed: int, band: str = "none",
    plan_id: int | None = None, name: str = "",
) -> None:  # fmt: skip
    """Take an image as a night would: on disk, in the store, analysed."""
    rng = np.random.default_rng(seed)
    image = np.full((160, 160), 700.0)
    y, x = np.mgrid[0:160, 0:160]
    for _ in range(25 if kind is FrameKind.LIGHT else 0):
        r2 = (y - rng.uniform(0, 160)) ** 2 + (x - rng.uniform(0, 160)) ** 2
        image += 10 ** rng.uniform(2, 4) * np.exp(-r2 / 3.5)
    frame = Frame(rng.poisson(image).astype(np.uint16), {}, Time(start), 60 * u.s, kind, band, "camera_vis")
    context = ImageContext(night=NIGHT, plan_id=plan_id, object_name=name)
    saved = services.archive.save(frame, context, services.store)
    analyse_image(saved.id, services=services)
