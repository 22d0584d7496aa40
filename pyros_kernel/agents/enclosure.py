"""Opening and closing up: the order of dome and telescope, retried until limit switches confirm."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from instruments import InstrumentError, Motion, Operation, OperationAborted, Shutter
from pyros_kernel.devices import Missing
from pyros_kernel.safety import Unsafe
from pyros_kernel.services import Services
from pyros_kernel.signs import sign

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.05  # how often a wait looks at the weather
_RETRY_REAL_S = (0.2, 5.0)  # first and longest pause between two tries to close


class Enclosure:
    """Open and close the observatory.

    :param stopping: set when the observatory goes down; ends waits, not a close that was begun
    """

    def __init__(self, services: Services, stopping: threading.Event) -> None:
        self._services = services
        self._stopping = stopping

    @property
    def shutter(self) -> Shutter:
        """Where the shutter is by its limit switches, read now; unknown if the dome doesn't answer."""
        try:
            return self._services.devices.dome.state().shutter.value
        except (InstrumentError, Missing):
            return Shutter.UNKNOWN

    @property
    def shut(self) -> bool:
        """Whether the dome was closed, or closing, when it was last read; costs nothing."""
        try:
            state = self._services.devices.dome.last_state
        except Missing:
            return False
        return state is not None and state.shutter.value in (Shutter.CLOSED, Shutter.CLOSING)

    @property
    def opened(self) -> bool:
        """Whether the dome is open and the telescope not parked, read now."""
        try:
            parked = self._services.devices.telescope.state().motion.value is Motion.PARKED
        except (InstrumentError, Missing):
            return False
        return not parked and self.shutter is Shutter.OPEN

    @property
    def undone(self) -> str:
        """What somebody else did to a dome and a telescope that were opened; empty if nothing is known of it."""
        if self.shut:
            return "somebody closed the dome: it is opened again"
        try:
            telescope = self._services.devices.telescope
            last = telescope.last_state
            # Read anew only then: the last reading may be older than its unparking.
            parked = last is not None and last.motion.value is Motion.PARKED
            parked = parked and telescope.state().motion.value is Motion.PARKED
        except (InstrumentError, Missing):  # one that does not answer is missing, which the night sees by itself
            return ""
        return "somebody parked the telescope: it is unparked again" if parked else ""

    def open_up(self) -> str:
        """Open the dome and unpark the telescope.

        :return: empty once both are confirmed, otherwise why it is not open
        """
        devices = self._services.devices
        try:
            before = self.shutter  # a name of its own: it may be another one after opening
            if before is not Shutter.OPEN:
                opening = devices.dome.open()
                unsafe = self._watch(opening, lambda: "" if (v := self._services.safety.verdict()).safe else str(v))
                if unsafe:
                    return unsafe
                if (after := self.shutter) is not Shutter.OPEN:
                    return f"the dome says {after} after opening"
            if devices.telescope.state().motion.value is Motion.PARKED:
                devices.telescope.unpark()
        except (InstrumentError, OperationAborted, Missing, Unsafe) as error:
            return str(error)
        return ""

    def close_up(self, why: str) -> None:
        """Stop exposures, park, then close; with rain close first.  Retried until the dome is closed.

        It returns early only when the observatory goes down, after at least one full try.
        """
        logger.warning("closing: %s", why)
        pause_s, longest_s = _RETRY_REAL_S
        while True:
            self._abort_exposures()
            if not self._services.safety.verdict().close_now:
                self._park(until=lambda: self._services.safety.verdict().close_now)
            if self._close():
                self._park(until=lambda: False)  # after rain it is still to be done
                logger.info("closed and parked: %s", why)
                return
            if self._rest(pause_s):
                logger.error("the observatory goes down and the dome did NOT confirm that it is closed")
                return
            pause_s = min(2 * pause_s, longest_s)

    def _rest(self, seconds: float) -> bool:
        """Wait before the next try; a dome that comes back meanwhile is tried at once.

        :return: whether the observatory goes down
        """
        deadline, there = time.monotonic() + seconds, self._reached()
        while (left_s := deadline - time.monotonic()) > 0:
            if self._stopping.wait(min(left_s, _LOOK_REAL_S)):
                return True
            if self._reached() and not there:
                return False
        return False

    def _reached(self) -> bool:
        try:
            return self._services.devices.dome.connected
        except Missing:
            return False

    def _close(self) -> bool:
        try:
            self._watch(self._services.devices.dome.close(), lambda: "")
        except (InstrumentError, OperationAborted, Missing) as error:
            logger.error("closing the dome failed, trying again: %s", error)
        return self.shutter is Shutter.CLOSED

    def _park(self, until: Callable[[], bool]) -> None:
        try:
            telescope = self._services.devices.telescope
            if telescope.state().motion.value is not Motion.PARKED:
                self._watch(telescope.park(), lambda: "it can't wait for the telescope" if until() else "")
        except (InstrumentError, OperationAborted, Missing) as error:
            logger.error("parking failed, closing all the same: %s", error)

    def _abort_exposures(self) -> None:
        for camera in self._services.devices.cameras.values():
            try:
                camera.abort("closing")
            except InstrumentError as error:
                logger.warning("aborting the exposure failed: %s", error)

    def _watch(self, operation: Operation[Any], stop: Callable[[], str]) -> str:
        """Wait for an operation while looking at something else; its errors are raised.

        :param stop: says why not to wait any longer, or nothing
        """
        ended = threading.Event()

        def end(_operation: Operation[Any]) -> None:
            ended.set()

        operation.add_done_callback(end)
        while not ended.wait(_LOOK_REAL_S):
            sign()
            if why := stop():
                return why
        operation.wait(0)
        return ""
