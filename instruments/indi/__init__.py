"""Reach an instrument over INDI.

Names only; the modules behind it are free to move.
"""

from instruments.indi.camera import IndiCamera
from instruments.indi.dome import IndiDome
from instruments.indi.filter_wheel import IndiFilterWheel
from instruments.indi.focuser import IndiFocuser
from instruments.indi.rotator import IndiRotator
from instruments.indi.telescope import IndiTelescope
from instruments.indi.weather import IndiSafetyMonitor, IndiWeatherStation

__all__ = [
    "IndiCamera",
    "IndiDome",
    "IndiFilterWheel",
    "IndiFocuser",
    "IndiRotator",
    "IndiSafetyMonitor",
    "IndiTelescope",
    "IndiWeatherStation",
]
