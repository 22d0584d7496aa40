"""Talk to hardware: what a telescope, camera, dome or PLC is, and the ways to reach one.

Names only; the modules behind it are free to move.
"""

from instruments.camera import Camera, CameraActivity, CameraState, Frame, FrameKind
from instruments.dome import Dome, DomeState, Shutter
from instruments.errors import Failed, InstrumentError, NotConnected, ProtocolError, Rejected, Timeout
from instruments.filter_wheel import FilterWheel, FilterWheelState
from instruments.focuser import Focuser, FocuserState
from instruments.instrument import Instrument
from instruments.operation import Operation, OperationAborted, OperationState
from instruments.plc import Plc, PlcState
from instruments.reading import Reading
from instruments.rotator import Rotator, RotatorState
from instruments.telescope import Motion, Telescope, TelescopeState
from instruments.weather import SafetyMonitor, SafetyState, WeatherState, WeatherStation

__all__ = [
    "Camera",
    "CameraActivity",
    "CameraState",
    "Dome",
    "DomeState",
    "Failed",
    "FilterWheel",
    "FilterWheelState",
    "Focuser",
    "FocuserState",
    "Frame",
    "FrameKind",
    "Instrument",
    "InstrumentError",
    "Motion",
    "NotConnected",
    "Operation",
    "OperationAborted",
    "OperationState",
    "Plc",
    "PlcState",
    "ProtocolError",
    "Reading",
    "Rejected",
    "Rotator",
    "RotatorState",
    "SafetyMonitor",
    "SafetyState",
    "Shutter",
    "Telescope",
    "TelescopeState",
    "Timeout",
    "WeatherState",
    "WeatherStation",
]
