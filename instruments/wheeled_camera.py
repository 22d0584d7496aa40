"""A camera whose filter wheel is reached on its own, by a second connection."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from astropy.time import Time

from instruments.camera import Camera, CameraState
from instruments.core import Core, CoreInstrument
from instruments.errors import Rejected
from instruments.filter_wheel import FilterWheel, FilterWheelState
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.reading import Reading

_LEAST_S = 0.2  # what the camera gets where the wheel took all the time


class WheeledCamera(CoreInstrument[CameraState], Camera):
    """Take images through a filter wheel that is a device of its own; a camera without one has no filters.

    :param core: the camera's
    :param wheel: the one before it, if there is one
    :param option: how an address names a wheel, e.g. ``?wheel=0``
    """

    def __init__(
        self, name: str, address: str, core: Core[CameraState], wheel: FilterWheel | None, option: str
    ) -> None:
        super().__init__(name, address, core)
        self._describe, self._wheel, self._option = core.describe, wheel, option

    @property
    def connected(self) -> bool:
        """Whether camera and wheel are connected now."""
        return super().connected and (self._wheel is None or self._wheel.connected)

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect to the camera and its wheel, and read the state once."""
        end = time.monotonic() + timeout_s
        if self._wheel is not None:
            self._wheel.connect(timeout_s)
        super().connect(max(end - time.monotonic(), _LEAST_S))

    def state(self, timeout_s: float = DEADLINE_S) -> CameraState:
        """Read the state from camera and wheel."""
        end = time.monotonic() + timeout_s
        if self._wheel is not None:
            self._wheel.state(timeout_s)
        return super().state(max(end - time.monotonic(), _LEAST_S))

    def disconnect(self) -> None:
        """Give the links back."""
        super().disconnect()
        if self._wheel is not None:
            self._wheel.disconnect()

    def set_filter(self, name: str) -> Operation[CameraState]:
        """Bring the filter ``name`` into the beam."""
        what = f"set_filter {name}"
        if self._wheel is None:
            why = f"the camera has no filter wheel; its address may name one: {self._option}"
            raise Rejected(self.name, what, why, self._describe())
        turning = self._wheel.set_filter(name)
        operation: Operation[Any] = Operation(self.name, what, turning.eta_s)
        operation.sent_monotonic_s = turning.sent_monotonic_s
        turning.add_done_callback(lambda ended: ended.pass_on(operation, self._behind))
        return operation

    def _behind(self, wheel: FilterWheelState) -> CameraState:
        state = self.last_state
        assert state is not None  # connect() has read one
        return replace(state, filter=wheel.filter, filters=wheel.filters)

    def _beam(self, said: Time) -> tuple[Reading[str], tuple[str, ...]]:
        """Give the filter in the beam, and those that there are.

        :param said: when the camera told its state, for one that has no wheel
        """
        seen = None if self._wheel is None else self._wheel.last_state
        return (Reading("", None, said, self.name), ()) if seen is None else (seen.filter, seen.filters)
