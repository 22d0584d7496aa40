"""How long the running exposures are: what whoever began them wrote down, for those who only look on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.store import DeviceStatus

_APART_S = 2.0  # exposures whose ends are told closer than this are the same one
_NEWEST = DeviceStatus.time.desc(), DeviceStatus.id.desc()


class ExposureLook:
    """Read in the store how long the cameras' exposures are; one thread at a time."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, float]] = {}  # camera → (length, end)

    def read(self, session: Session, cameras: Mapping[str, int]) -> None:
        """Look at what was written last of each camera.

        :param cameras: name → the device's number in the store
        """
        self._told.clear()
        for name, device_id in cameras.items():
            its = DeviceStatus.device_id == device_id, DeviceStatus.connected
            row = session.scalar(select(DeviceStatus).where(*its).order_by(*_NEWEST).limit(1))
            if row is not None and row.state.get("exposure"):
                self._told[name] = row.state["exposure"], row.time.timestamp() + row.state["remaining"]

    def length_s(self, name: str, ends_s: float) -> float | None:
        """Give the length of a camera's exposure; None if nobody wrote it down.

        :param ends_s: when it ends, as the camera says (unix seconds)
        """
        length_s, told_s = self._told.get(name, (None, 0.0))
        return length_s if abs(told_s - ends_s) < _APART_S else None
