"""Every model of the store, by name."""

from pyros_kernel.store.alert import Alert, Strategy
from pyros_kernel.store.cell import CellEffect
from pyros_kernel.store.lease import Lease, LeaseEvent
from pyros_kernel.store.night import Forecast, Intervention, InterventionKind, Night, PlacedSequence, Schedule
from pyros_kernel.store.recipe import RecipeRecord, RecipeStatus, RecipeStep, StepStatus
from pyros_kernel.store.request import (
    Album,
    Channel,
    Image,
    Plan,
    Request,
    RequestKind,
    ScientificProgramme,
    Sequence,
    User,
)
from pyros_kernel.store.site import AgentLog, Device, DeviceKind, DeviceStatus, Filter, Site, Weather
from pyros_kernel.store.task import Claim, Task

__all__ = [
    "AgentLog",
    "Album",
    "Alert",
    "CellEffect",
    "Channel",
    "Claim",
    "Device",
    "DeviceKind",
    "DeviceStatus",
    "Filter",
    "Forecast",
    "Image",
    "Intervention",
    "InterventionKind",
    "Lease",
    "LeaseEvent",
    "Night",
    "PlacedSequence",
    "Plan",
    "RecipeRecord",
    "RecipeStatus",
    "RecipeStep",
    "Request",
    "RequestKind",
    "Schedule",
    "ScientificProgramme",
    "Sequence",
    "Site",
    "StepStatus",
    "Strategy",
    "Task",
    "User",
    "Weather",
]
