"""Talk to hardware: what a telescope, camera, dome or PLC is, and the ways to reach one.

Names only; the modules behind it are free to move.
"""

from instruments.camera import Camera, CameraActivity, CameraState, Frame, FrameKind
from instruments.dome import Dome, DomeState, Shutter
from instruments.errors import InstrumentError, NotConnected, ProtocolError, Rejected, Timeout
from instruments.instrument import Instrument
from instruments.operation import Operation, OperationAborted, OperationState
from instruments.plc import Plc, PlcState
from instruments.reading import Reading
from instruments.telescope import Motion, Telescope, TelescopeState

__all__ = [
    "Camera",
    "CameraActivity",
    "CameraState",
    "Dome",
    "DomeState",
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
    "Shutter",
    "Telescope",
    "TelescopeState",
    "Timeout",
]
