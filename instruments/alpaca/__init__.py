"""Reach an instrument over ASCOM Alpaca.

Names only; the modules behind it are free to move.
"""

from instruments.alpaca.camera import AlpacaCamera
from instruments.alpaca.dome import AlpacaDome
from instruments.alpaca.filter_wheel import AlpacaFilterWheel
from instruments.alpaca.focuser import AlpacaFocuser
from instruments.alpaca.rotator import AlpacaRotator
from instruments.alpaca.telescope import AlpacaTelescope
from instruments.alpaca.weather import AlpacaSafetyMonitor, AlpacaWeatherStation

__all__ = [
    "AlpacaCamera",
    "AlpacaDome",
    "AlpacaFilterWheel",
    "AlpacaFocuser",
    "AlpacaRotator",
    "AlpacaSafetyMonitor",
    "AlpacaTelescope",
    "AlpacaWeatherStation",
]
