"""The site, its devices, and their history."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pyros_kernel.store.base import Base, status_column


class DeviceKind(StrEnum):
    """What a device is."""

    TELESCOPE = "telescope"
    CAMERA_VIS = "camera_vis"
    CAMERA_NIR = "camera_nir"
    FILTER_WHEEL = "filter_wheel"
    FOCUSER = "focuser"
    ROTATOR = "rotator"
    DOME = "dome"
    PLC = "plc"
    WEATHER_STATION = "weather_station"
    SAFETY_MONITOR = "safety_monitor"


class Site(Base):
    """Where the observatory stands (WGS 84, degrees north and east, metres above the sea).

    ``constraints`` hold for every sequence, by the names a sequence's row has for them: ``{"horizon_mask": [[0, 25],
    [90, 40]]}``.
    """

    __tablename__ = "site"
    group = "common"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    code: Mapped[str] = mapped_column(String(16), default="")
    latitude_deg: Mapped[float]
    longitude_deg: Mapped[float]
    elevation_m: Mapped[float]
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    min_altitude_deg: Mapped[float] = mapped_column(default=20.0)
    constraints: Mapped[dict[str, Any] | None]
    source: Mapped[str] = mapped_column(default="")


class Device(Base):
    """An instrument of the observatory: its row says what it is and where to reach it."""

    __tablename__ = "device"
    group = "common"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[DeviceKind] = status_column(DeviceKind, DeviceKind.TELESCOPE)
    address: Mapped[str] = mapped_column(default="")
    # A blocking device that is missing pauses observing; another is noted, and the rest goes on.
    blocking: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    description: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))

    site: Mapped[Site] = relationship()
    parent: Mapped[Device | None] = relationship(remote_side="Device.id")
    filters: Mapped[list[Filter]] = relationship(back_populates="device", order_by="Filter.position")


class Filter(Base):
    """A filter, in a slot of the wheel (or camera) that holds it."""

    __tablename__ = "filter"
    group = "common"

    name: Mapped[str] = mapped_column(String(32))
    position: Mapped[int]
    wavelength_nm: Mapped[float]
    bandwidth_nm: Mapped[float]
    thickness_mm: Mapped[float] = mapped_column(default=0.0)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))

    device: Mapped[Device] = relationship(back_populates="filters")


class DeviceStatus(Base):
    """What a device said of itself, once."""

    __tablename__ = "device_status"
    __table_args__ = (Index("device_status_by_time", "device_id", "time"),)
    group = "history"

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    time: Mapped[datetime]
    connected: Mapped[bool]
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)

    device: Mapped[Device] = relationship()


class Weather(Base):
    """What a source said of the weather, once, and what the safety rules made of it."""

    __tablename__ = "weather"
    group = "history"

    time: Mapped[datetime] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(64))
    readings: Mapped[dict[str, Any]]
    safe: Mapped[bool]
    reason: Mapped[str] = mapped_column(default="")


class AgentLog(Base):
    """A line of an agent's log."""

    __tablename__ = "agent_log"
    group = "history"

    time: Mapped[datetime] = mapped_column(index=True)
    agent: Mapped[str] = mapped_column(String(64))
    level: Mapped[str] = mapped_column(String(16))
    message: Mapped[str]
