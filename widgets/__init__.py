"""Panels on a running observatory."""

from widgets.night import NightPanel
from widgets.observed import Observed
from widgets.panel import Panel
from widgets.single import (
    AgentsPanel,
    AlertsPanel,
    CameraPanel,
    CommandsPanel,
    DevicesPanel,
    LogPanel,
    SafetyPanel,
    SchedulePanel,
    SkyPanel,
    TasksPanel,
    TelescopePanel,
    WeatherPanel,
)

__all__ = [
    "AgentsPanel",
    "AlertsPanel",
    "CameraPanel",
    "CommandsPanel",
    "DevicesPanel",
    "LogPanel",
    "NightPanel",
    "Observed",
    "Panel",
    "SafetyPanel",
    "SchedulePanel",
    "SkyPanel",
    "TasksPanel",
    "TelescopePanel",
    "WeatherPanel",
]
