"""The work of a night as plain functions with JSON-able arguments: what can run in a worker, or in a thread."""

from pyros_kernel.tasks.analysis import analyse_image
from pyros_kernel.tasks.calibration import take_calibrations
from pyros_kernel.tasks.plan import execute_plan
from pyros_kernel.tasks.scheduling import schedule_night
from pyros_kernel.tasks.sequence import execute_sequence

__all__ = ["analyse_image", "execute_plan", "execute_sequence", "schedule_night", "take_calibrations"]
