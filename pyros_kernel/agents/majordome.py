"""The Majordome: runs the night, and gives way to alerts at once."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from instruments import InstrumentError
from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import Address, AgentConfig
from pyros_kernel.agents.giving_way import GivingWay
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.night_machine import NightMachine
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.progress import Progress
from pyros_kernel.services import Services
from pyros_kernel.signs import sign

logger = logging.getLogger(__name__)

_HERE: dict[Address, Majordome] = {}  # those of this process, by where they listen
_PROGRESS_REAL_S, _PROGRESS_AT_REST_REAL_S = 1.0, 10.0  # at rest only its time changes
_END_REAL_S = 120.0  # parking and closing at shutdown may take this long


class Majordome(Agent):
    """Keep house: messages change what is wanted, the machine does what is possible.

    :param wishes: what people want of the night
    """

    stop_s = _END_REAL_S + 5.0
    hang_s = 30.0  # it waits for instruments and the store; its successor closes the dome first

    MSG_OBSERVE = "Observe"
    MSG_PAUSE = "Pause"
    MSG_RESUME = "Resume"
    MSG_STOP_NIGHT = "Stop night"
    MSG_ABORT = "Abort"
    MSG_SCHEDULE_READY = "Schedule ready"
    MSG_TARGET_OF_OPPORTUNITY = "Target of opportunity"
    MSG_WITHDRAW = "Withdraw"

    def __init__(self, services: Services, wishes: Wishes, *, config: AgentConfig | None = None) -> None:
        super().__init__(Agent.MAJORDOME, config=config, clock=services.clock)
        self.actions_by_message[self.MSG_OBSERVE] = self.observe
        self.actions_by_message[self.MSG_PAUSE] = self.pause
        self.actions_by_message[self.MSG_RESUME] = self.resume
        self.actions_by_message[self.MSG_STOP_NIGHT] = self.stop_night
        self.actions_by_message[self.MSG_ABORT] = self.abort
        self.actions_by_message[self.MSG_SCHEDULE_READY] = self.schedule_ready
        self.actions_by_message[self.MSG_TARGET_OF_OPPORTUNITY] = self.target_of_opportunity
        self.actions_by_message[self.MSG_WITHDRAW] = self.withdraw
        self.urgent |= {self.MSG_TARGET_OF_OPPORTUNITY, self.MSG_ABORT, self.MSG_WITHDRAW}
        self._services, self._wishes = services, wishes
        self.machine = NightMachine(services, wishes, self.stopping, config)
        self._moving = threading.Lock()  # held while something is decided about the telescope and sent to it
        self._giving_way = GivingWay(services, self.machine, self._moving, self.stopping)
        self._told, self._told_s = (self.machine.status, ""), 0.0
        self._thread_of_night = threading.Thread(target=self.machine.run, name="pyros-night", daemon=True)

    def work(self) -> None:
        """Start the night's machine."""
        self._thread_of_night.start()
        _HERE[self.address] = self
        self.every(_PROGRESS_REAL_S, self._tell_progress, name="progress")

    def _tell_progress(self) -> None:
        told, self._told = self._told, (self.machine.status, self.machine.reason)
        at_rest = told == self._told and not self._wishes.observe
        if at_rest and time.monotonic() - self._told_s < _PROGRESS_AT_REST_REAL_S:
            return
        self._told_s = time.monotonic()
        Progress.of(self._services).write(self._services.settings.data)

    def shutdown(self) -> None:
        """Wait until the machine has stopped what runs, parked and closed."""
        if _HERE.get(self.address) is self:
            del _HERE[self.address]
        self.machine.wake.set()
        if self._thread_of_night.is_alive():
            self._thread_of_night.join(_END_REAL_S)
        if self._thread_of_night.is_alive():
            logger.error("the night's machine did not stop within %.0f s", _END_REAL_S)

    def late(self) -> str:
        """Tell what it, or the night's machine, has been doing for long; empty if nothing."""
        return super().late() or self.machine.late()

    def observe(self) -> None:
        """Begin the night, or go on with it."""
        self._wishes.begin()
        self.machine.wake.set()

    def pause(self, message: Message) -> None:
        """Hold observing; the dome stays open while it is safe."""
        self._wishes.paused = str(message.payload.get("reason") or "by hand")
        self.machine.wake.set()

    def resume(self) -> None:
        """Go on after a pause."""
        self._wishes.paused = ""
        self.machine.wake.set()

    def stop_night(self, message: Message) -> None:
        """End the night now: interrupt, park, close."""
        self._wishes.stop(str(message.payload.get("reason") or "by hand"))
        self.machine.wake.set()

    def abort(self, message: Message) -> None:
        """Stop all motion and exposures now, and hold."""
        reason = str(message.payload.get("reason") or "aborted by hand")
        self._wishes.paused = reason  # from here on no alert passes
        with self._moving:
            self._stop_motion(reason)
        self.machine.wake.set()

    def _stop_motion(self, reason: str) -> None:
        if self.machine.course.running is not None:
            self.machine.course.running.cancelled.set(reason)
        for member in self._services.devices.members.values():
            sign()  # a mute device takes seconds
            try:
                if member.usable:
                    member.instrument.abort(reason)
            except InstrumentError as error:
                logger.error("abort: %s", error)

    def schedule_ready(self) -> None:
        """Take the new schedule over."""
        self.machine.course.agenda.load()
        self.machine.wake.set()

    @classmethod
    def here(cls, address: Address) -> Majordome | None:
        """Give the Majordome that listens at an address, if it is in this process."""
        return _HERE.get(address)

    def point_at_once(self, payload: dict[str, Any]) -> None:
        """Interrupt and slew in the caller's thread; the message that follows does the rest.

        A message through the network costs 4 to 8 ms and two changes of thread, which a burst need not wait for.
        """
        self._giving_way.point(payload)

    def target_of_opportunity(self, message: Message) -> None:
        """Interrupt what runs and slew to an alert's position, or say why not."""
        self._giving_way.observe(message.payload)

    def withdraw(self, message: Message) -> None:
        """End at once what is observed of a withdrawn request, and take the rest of it out of the agenda."""
        self.machine.course.withdraw({int(i) for i in message.payload["sequence_ids"]}, str(message.payload["reason"]))
