"""Make the snapshot that panels show; the store is asked at most twice a second, whoever looks."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from pyros_kernel import describe
from pyros_kernel.agents import AgentHost
from pyros_kernel.scheduling import altitude_curve
from pyros_kernel.services import Services
from pyros_kernel.snapshot import AlertView, DeviceView, ImageView, NightView, SequenceView, Snapshot
from pyros_kernel.store import (
    Alert,
    Image,
    Night,
    PlacedSequence,
    Request,
    RequestKind,
    Schedule,
    ScheduleStatus,
    Sequence,
)

_STORE_REAL_S = 0.5
_SKY_S = 20.0  # Sun and Moon move less than a tenth of a degree meanwhile
_STALE_S = 15.0
_STALE_REAL_S = 1.5  # as a fast clock can't be polled faster; see safety.watch
_CURVE_POINTS = 49
_LAST_ALERTS = 20


class View:
    """Take snapshots of a running observatory; thread-safe."""

    def __init__(self, services: Services, host: AgentHost) -> None:
        self._services, self._host = services, host
        self._lock = threading.Lock()
        self._read_real_s = 0.0
        self._night: NightView | None = None
        self._placed: tuple[SequenceView, ...] = ()
        self._rejected: tuple[SequenceView, ...] = ()
        self._alerts: tuple[AlertView, ...] = ()
        self._images: dict[str, ImageView] = {}
        self._curves: dict[int, tuple[tuple[float, float], ...]] = {}
        self._sky: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def snapshot(self) -> Snapshot:
        """Take a snapshot now."""
        services = self._services
        now_s, now_real_s = services.clock.unix_s(), time.monotonic()
        with self._lock:
            if now_real_s - self._read_real_s > _STORE_REAL_S:
                self._read_store()
                self._read_real_s = now_real_s
            if abs(now_s - self._sky[0]) > _SKY_S:
                moon = services.sky.moon(now_s)
                self._sky = (
                    now_s,
                    services.sky.sun_altitude_deg(now_s),
                    moon.altitude_deg,
                    moon.illumination,
                )
            _, sun_deg, moon_deg, illumination = self._sky
            night, placed, rejected, alerts = self._night, self._placed, self._rejected, self._alerts
            images = tuple(self._images.values())
        return Snapshot(
            time_s=now_s,
            taken_real_s=now_real_s,
            speed=services.clock.speed,
            running=True,
            site=services.site.name,
            latitude_deg=services.site.latitude_deg,
            longitude_deg=services.site.longitude_deg,
            sun_altitude_deg=sun_deg,
            moon_altitude_deg=moon_deg,
            moon_illumination=illumination,
            night=night,
            verdict=services.safety.verdict(),
            devices=self._devices(now_s),
            images=images,
            placed=placed,
            rejected=rejected,
            alerts=alerts,
            agents=self._host.views(),
            log=services.logbook.last(),
            errors=tuple(services.logbook.defects),
        )

    def _devices(self, now_s: float) -> tuple[DeviceView, ...]:
        limit_s = max(_STALE_S, _STALE_REAL_S * self._services.clock.speed)
        views: list[DeviceView] = []
        for name, member in self._services.devices.members.items():
            state = member.instrument.last_state
            age_s = None if state is None else now_s - describe.read_s(state)
            views.append(
                DeviceView(
                    name=name,
                    kind=member.row.kind.value,
                    connected=member.usable,
                    blocking=member.row.blocking,
                    state={} if state is None else describe.words(state),
                    age_s=age_s,
                    stale=age_s is None or age_s > limit_s,
                    error=member.error,
                )
            )
        return tuple(views)

    def _read_store(self) -> None:
        services = self._services
        with services.store.session(read_only=True) as session:
            night = session.get_one(Night, services.night_id)
            self._night = NightView(
                night.name,
                night.status.value,
                night.reason,
                *(_s(t) or 0.0 for t in (night.sunset, night.dusk, night.dawn, night.sunrise)),
            )
            entries = session.scalars(
                select(PlacedSequence)
                .join(Schedule)
                .where(Schedule.night_id == services.night_id, Schedule.status == ScheduleStatus.CURRENT)
                .options(joinedload(PlacedSequence.sequence).joinedload(Sequence.request).joinedload(Request.programme))
                .order_by(PlacedSequence.start)
            ).all()
            # What was done before this schedule was made stands in no entry of it.
            done = session.scalars(
                select(Sequence)
                .where(Sequence.started >= night.sunset, Sequence.id.not_in([e.sequence_id for e in entries]))
                .options(joinedload(Sequence.request).joinedload(Request.programme))
                .order_by(Sequence.started)
            ).all()
            self._placed = (
                *(self._view(s, s.started, s.ended, s.reason) for s in done),
                *(self._sequence(e) for e in entries if e.start is not None),
            )
            self._rejected = tuple(self._sequence(e) for e in entries if e.start is None)
            alerts = session.scalars(select(Alert).order_by(Alert.id.desc()).limit(_LAST_ALERTS)).all()
            self._alerts = tuple(_alert(alert) for alert in alerts)
            for name, member in services.devices.members.items():
                if member.row.kind.value.startswith("camera"):
                    newest = session.scalar(
                        select(Image)
                        .where(Image.camera == name, Image.night_id == services.night_id)
                        .order_by(Image.id.desc())
                        .limit(1)
                    )
                    if newest is not None and (name not in self._images or self._images[name].path != newest.path):
                        self._show(newest)

    def _show(self, image: Image) -> None:
        thumbnail = (self._services.settings.data / image.path).with_suffix(".png")
        if not image.quicklook or not thumbnail.is_file():
            return  # its analysis is under way: the former one stays
        figures = " · ".join(
            text
            for key, text in (
                ("stars", f"{image.quicklook.get('stars')} stars"),
                ("fwhm_px", f"FWHM {image.quicklook.get('fwhm_px') or 0:.1f} px"),
            )
            if image.quicklook.get(key) is not None
        )
        caption = f"{Path(image.path).stem} · {image.filter} · {image.exposure_time_s:g} s · {figures}"
        self._images[image.camera] = ImageView(
            image.camera, image.path, caption, _s(image.start) or 0.0, thumbnail.read_bytes()
        )

    def _sequence(self, entry: PlacedSequence) -> SequenceView:
        reason = entry.reason if entry.start is None else entry.sequence.reason
        return self._view(entry.sequence, entry.start, entry.end, reason)

    def _view(self, sequence: Sequence, start: datetime | None, end: datetime | None, reason: str) -> SequenceView:
        return SequenceView(
            id=sequence.id,
            name=sequence.name,
            programme=sequence.request.programme.name,
            status=sequence.status.value,
            reason=reason,
            start_s=_s(start),
            end_s=_s(end),
            is_alert=sequence.request.kind is RequestKind.ALERT,
            curve=self._curve(sequence) if start is not None else (),
        )

    def _curve(self, sequence: Sequence) -> tuple[tuple[float, float], ...]:
        known = self._curves.get(sequence.id)
        if known is None:
            sky = self._services.sky
            times = np.linspace(sky.night.sunset_unix_s, sky.night.sunrise_unix_s, _CURVE_POINTS)
            degrees = altitude_curve(sequence.ra_deg, sequence.dec_deg, sky, times)
            known = tuple(zip(times.tolist(), np.round(degrees, 1).tolist(), strict=True))
            self._curves[sequence.id] = known
        return known


def _s(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()


def _alert(alert: Alert) -> AlertView:
    title = " ".join(x for x in (alert.stream, alert.packet_type, alert.trigger_id) if x) or alert.ivorn
    steps = {step: float(ms) for step, ms in alert.steps.items() if isinstance(ms, int | float)}
    return AlertView(
        alert.id,
        alert.ivorn,
        title,
        alert.status.value,
        alert.reason,
        alert.received.timestamp(),
        alert.ra_deg,
        alert.dec_deg,
        steps,
    )
