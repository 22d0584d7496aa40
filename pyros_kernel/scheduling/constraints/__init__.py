"""Further constraints of a block, each by its margin: how far it is from being broken, negative where it is.

Any object with ``label``, ``unit`` and ``margin(view, unix_s)`` is a constraint; the planner finds where the margin
crosses zero, so that edges are exact to a millisecond.
"""

from pyros_kernel.scheduling.constraints.moonlight import MoonAvoidance, MoonSeparation
from pyros_kernel.scheduling.constraints.position import (
    AirmassCurve,
    AwayFromMeridian,
    HorizonMask,
    HourAngle,
    OneSide,
    shares,
)
from pyros_kernel.scheduling.constraints.reading import CONSTRAINTS, read_constraints
from pyros_kernel.scheduling.constraints.timing import TWILIGHTS, LocalTime, PhaseOfPeriod, twilight
from pyros_kernel.scheduling.constraints.view import Constraint, View, airmass
from pyros_kernel.scheduling.constraints.weather import SeeingBelow, TransparencyAbove

__all__ = [
    "CONSTRAINTS",
    "TWILIGHTS",
    "AirmassCurve",
    "AwayFromMeridian",
    "Constraint",
    "HorizonMask",
    "HourAngle",
    "LocalTime",
    "MoonAvoidance",
    "MoonSeparation",
    "OneSide",
    "PhaseOfPeriod",
    "SeeingBelow",
    "TransparencyAbove",
    "View",
    "airmass",
    "read_constraints",
    "shares",
    "twilight",
]
