"""How a camera looks at the sky at this moment: as its row says, turned by the rotator."""

from __future__ import annotations

from dataclasses import replace

from instruments import Camera, InstrumentError
from pyros_kernel.devices import Devices, Missing
from pyros_kernel.images import Geometry


def geometry_of(camera: Camera, devices: Devices) -> Geometry | None:
    """Give a camera's scale and orientation; None if its row has no scale."""
    geometry = Geometry.from_settings(devices.row_of(camera).settings)
    if geometry is None:
        return None
    return replace(geometry, orientation_deg=(geometry.orientation_deg + _rotator_deg(devices)) % 360.0)


def _rotator_deg(devices: Devices) -> float:
    """Ask the rotator for its position angle; it keeps the last one while it doesn't answer, and 0 if there is none."""
    try:
        rotator = devices.rotator
    except Missing:
        return 0.0
    try:
        return float(rotator.state().angle.value)
    except InstrumentError:
        last = rotator.last_state
        return 0.0 if last is None else float(last.angle.value)
