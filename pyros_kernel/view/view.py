"""Make the snapshot that panels show; the store is asked at most twice a second, whoever looks."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from pyros_kernel.lease import LeaseView
from pyros_kernel.services import Services
from pyros_kernel.snapshot import AgentView, AlertView, ImageView, NightView, Snapshot, TaskView
from pyros_kernel.store import (
    Alert,
    Image,
    Lease,
    Night,
)
from pyros_kernel.view.devices import DeviceLook
from pyros_kernel.view.schedule import ScheduleLook
from pyros_kernel.view.sky import SkyLook
from pyros_kernel.view.tasks import read_tasks
from pyros_kernel.view.weather import WeatherHistory

_STORE_REAL_S = 0.5
_LAST_ALERTS = 20
_FIGURES = ("stars", "fwhm_px", "median", "noise", "saturated")


class Agents(Protocol):
    """Who can be asked about the agents."""

    def views(self) -> tuple[AgentView, ...]:
        """Show every agent."""
        ...


class View:
    """Take snapshots of a running observatory; thread-safe."""

    def __init__(self, services: Services, host: Agents) -> None:
        self._services, self._host = services, host
        self._lock = threading.Lock()
        self._read_real_s = 0.0
        self._night: NightView | None = None
        self._alerts: tuple[AlertView, ...] = ()
        self._lease: LeaseView | None = None
        self._images: dict[str, ImageView] = {}
        self._devices = DeviceLook(services)
        self._sky = SkyLook(services.sky, services.site.min_altitude_deg)
        self._schedule = ScheduleLook(self._sky)
        self._weather = WeatherHistory(services.safety.rules)
        self._tasks: tuple[TaskView, ...] = ()

    def snapshot(self) -> Snapshot:
        """Take a snapshot now."""
        services = self._services
        now_s, now_real_s = services.clock.unix_s(), time.monotonic()
        with self._lock:
            if now_real_s - self._read_real_s > _STORE_REAL_S:
                self._read_store(now_s)
                self._read_real_s = now_real_s
            self._sky.look(now_s)
            sun_deg, illumination, sky = self._sky.sun_altitude_deg, self._sky.moon_illumination, self._sky.now
            night, alerts, schedule = self._night, self._alerts, self._schedule
            placed, rejected, plan, quotas = schedule.placed, schedule.rejected, schedule.plan, schedule.quotas
            images, weather, tasks = tuple(self._images.values()), self._weather.strips, self._tasks
            lease = self._lease
        return Snapshot(
            time_s=now_s,
            taken_real_s=now_real_s,
            speed=services.clock.speed,
            running=True,
            site=services.site.name,
            latitude_deg=services.site.latitude_deg,
            longitude_deg=services.site.longitude_deg,
            sun_altitude_deg=sun_deg,
            moon_altitude_deg=sky.moon.altitude_deg,
            moon_illumination=illumination,
            night=night,
            verdict=services.safety.verdict(),
            devices=self._devices.look(now_s),
            images=images,
            placed=placed,
            rejected=rejected,
            alerts=alerts,
            agents=self._host.views(),
            log=services.logbook.last(),
            errors=tuple(services.logbook.defects),
            timezone=services.site.timezone,
            moon_curve=self._sky.moon_curve,
            sky=sky,
            weather=weather,
            rules=services.safety.rules,
            tasks=tasks,
            plan=plan,
            quotas=quotas,
            lease=lease,
        )

    def _read_store(self, now_s: float) -> None:
        services = self._services
        with services.store.session(read_only=True) as session:
            night = session.get_one(Night, services.night_id)
            self._night = NightView(
                night.name,
                night.status.value,
                night.reason,
                *(_s(t) or 0.0 for t in (night.sunset, night.dusk, night.dawn, night.sunrise)),
            )
            self._schedule.read(session, night)
            self._weather.read(session, now_s)
            self._tasks = read_tasks(session)
            self._devices.read(session)
            self._lease = LeaseView.of(session.scalar(select(Lease)))
            alerts = session.scalars(
                select(Alert).order_by(Alert.id.desc()).limit(_LAST_ALERTS).options(joinedload(Alert.request))
            ).all()
            self._alerts = tuple(self._alert(alert) for alert in alerts)
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
        figures = {key: float(image.quicklook[key]) for key in _FIGURES if image.quicklook.get(key) is not None}
        said = [f"{figures['stars']:.0f} stars"] if "stars" in figures else []
        said += [f"FWHM {figures['fwhm_px']:.1f} px"] if "fwhm_px" in figures else []
        caption = " · ".join((image.filter, f"{image.exposure_time_s:g} s", *said))
        self._images[image.camera] = ImageView(
            image.camera,
            image.path,
            caption,
            _s(image.start) or 0.0,
            thumbnail.read_bytes(),
            file=str(thumbnail.with_suffix(".fits")),
            figures=figures,
        )

    def _alert(self, alert: Alert) -> AlertView:
        title = " ".join(x for x in (alert.stream, alert.packet_type, alert.trigger_id) if x) or alert.ivorn
        request = alert.request
        steps = [(step, float(ms)) for step, ms in alert.steps.items() if isinstance(ms, int | float)]
        return AlertView(
            alert.id,
            alert.ivorn,
            title,
            alert.status.value,
            alert.reason,
            alert.received.timestamp(),
            alert.ra_deg,
            alert.dec_deg,
            dict(sorted(steps, key=lambda step: step[1])),
            file=str(self._services.settings.data / alert.path) if alert.path else "",
            became="" if request is None else f"request {request.id} “{request.name}”: {request.status.value}",
        )


def _s(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()
