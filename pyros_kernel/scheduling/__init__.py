"""Visibility, constraints and the planner."""

from pyros_kernel.scheduling.block import Block, Pointing, Transition
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.ephemeris import Moving
from pyros_kernel.scheduling.explaining import Explainer, Explanation, NightUse
from pyros_kernel.scheduling.night import NightTimes, NoNight
from pyros_kernel.scheduling.outcome import Placement, Plan, Rejection, Search
from pyros_kernel.scheduling.place import location_of, night_name
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.replanning import Replanner
from pyros_kernel.scheduling.sky import Moon, Sky, altitude_curve, azimuth, night_of
from pyros_kernel.scheduling.table import plan_as_table
from pyros_kernel.scheduling.verdict import Observable, observable

__all__ = [
    "Block",
    "Conditions",
    "Explainer",
    "Explanation",
    "Moon",
    "Moving",
    "NightTimes",
    "NightUse",
    "NoNight",
    "Observable",
    "Placement",
    "Plan",
    "Pointing",
    "Rejection",
    "Replanner",
    "Search",
    "Sky",
    "Transition",
    "altitude_curve",
    "azimuth",
    "location_of",
    "night_name",
    "night_of",
    "observable",
    "plan",
    "plan_as_table",
]
