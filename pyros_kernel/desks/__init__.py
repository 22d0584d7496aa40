"""What a notebook holds of a running observatory, by hand: its night, alerts, schedule, tasks, and single commands."""

from pyros_kernel.desks.alerts import AlertDesk
from pyros_kernel.desks.by_hand import ByHand, Seat
from pyros_kernel.desks.night import NightElsewhere, NightRun
from pyros_kernel.desks.schedule import ScheduleDesk, Unknown
from pyros_kernel.desks.tasks import TaskDesk, TaskRefused

__all__ = [
    "AlertDesk",
    "ByHand",
    "NightElsewhere",
    "NightRun",
    "ScheduleDesk",
    "Seat",
    "TaskDesk",
    "TaskRefused",
    "Unknown",
]
