"""The Majordome: runs the night, and gives way to alerts at once."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from astropy.coordinates import SkyCoord
from sqlalchemy import select

from instruments import InstrumentError, Operation, TelescopeState
from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import Address, AgentConfig
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.night_machine import NightMachine
from pyros_kernel.agents.running import Running
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.progress import Progress
from pyros_kernel.scheduling import Block, observable
from pyros_kernel.scheduling.sequences import Overheads, duration_s, images_taken
from pyros_kernel.services import Services
from pyros_kernel.signs import sign
from pyros_kernel.store import Alert, AlertStatus, NightStatus, Sequence
from pyros_kernel.tasks.cuts import through_cuts
from pyros_kernel.tasks.pointing import start_slew

logger = logging.getLogger(__name__)

_HERE: dict[Address, Majordome] = {}  # those of this process, by where they listen
_PROGRESS_REAL_S, _PROGRESS_AT_REST_REAL_S = 1.0, 10.0  # at rest only its time changes
_AWAY_REAL_S = 10.0  # an interrupted sequence ends within a read-out
_END_REAL_S = 120.0  # parking and closing at shutdown may take this long


@dataclass(frozen=True, slots=True)
class _Pointed:
    steps: dict[str, float]
    slew: Operation[TelescopeState] | None = None
    why_not: str = ""
    interrupted: Running | None = None


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
        self._pointed: dict[str, _Pointed] = {}  # by the packet's key
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
        self._pointed[str(payload["key"])] = self._point(payload)

    def target_of_opportunity(self, message: Message) -> None:
        """Interrupt what runs and slew to an alert's position, or say why not."""
        payload = message.payload
        sequence_id, alert_id = int(payload["sequence_id"]), int(payload["alert_id"])
        pointed = self._pointed.pop(str(payload["key"]), None) or self._point(payload)
        if pointed.slew is not None:
            self._wait_for_end(sequence_id, pointed.interrupted)
            self.machine.course.agenda.place_now(sequence_id, self._duration_s(sequence_id), f"alert {alert_id}")
            pointed = self._hand_over(sequence_id, payload, pointed)
        self._note_steps(alert_id, pointed.steps, pointed.why_not)
        if pointed.why_not:
            logger.warning("alert %d is not observed at once: %s", alert_id, pointed.why_not)
            self.machine.course.agenda.ask(f"alert {alert_id}: {pointed.why_not}", alert=sequence_id)

    def withdraw(self, message: Message) -> None:
        """End at once what is observed of a withdrawn request, and take the rest of it out of the agenda."""
        self.machine.course.withdraw({int(i) for i in message.payload["sequence_ids"]}, str(message.payload["reason"]))

    def _wait_for_end(self, sequence_id: int, interrupted: Running | None) -> None:
        """Wait until the machine has put away what ran, if that was this very sequence: it begins anew then."""
        if interrupted is None or interrupted.sequence_id != sequence_id:
            return
        deadline_s = time.monotonic() + _AWAY_REAL_S
        while self.machine.course.running is interrupted and time.monotonic() < deadline_s:
            sign()
            self.machine.wake.set()
            self.stopping.wait(0.01)

    def _hand_over(self, sequence_id: int, payload: dict[str, Any], pointed: _Pointed) -> _Pointed:
        """Give the sequence to the machine; what it began since the slew was sent, and may point elsewhere, ends."""
        while pointed.slew is not None:
            self.machine.course.take_alert(sequence_id, pointed.slew)
            other = self.machine.course.running
            if other is None or other is pointed.interrupted or other.ended or other.is_alert:
                break
            pointed = self._point(payload)
        return pointed

    def _point(self, payload: dict[str, Any]) -> _Pointed:
        t0_s = float(payload["t0_monotonic_s"])
        steps: dict[str, float] = {}
        with self._moving:
            why_not = self._why_not(int(payload.get("sequence_id", 0)), payload)
            if not why_not:
                interrupted = self.machine.course.running
                try:
                    slew = self._interrupt_and_slew(payload, t0_s, steps)
                    return _Pointed(steps, slew, interrupted=interrupted)
                except InstrumentError as error:
                    why_not = str(error)
        return _Pointed(steps, why_not=why_not)

    def _interrupt_and_slew(
        self, payload: dict[str, Any], t0_s: float, steps: dict[str, float]
    ) -> Operation[TelescopeState]:
        target = SkyCoord(float(payload["ra_deg"]), float(payload["dec_deg"]), unit="deg", frame="icrs")
        steps["allowed"] = 1000 * (time.monotonic() - t0_s)
        running = self.machine.course.running
        if running is not None:
            running.cancelled.set(f"interrupted by alert {payload['ivorn']}")
        steps["interrupted"] = 1000 * (time.monotonic() - t0_s)
        telescope, never = self._services.devices.telescope, Cancellation()
        slew = through_cuts(telescope, lambda: start_slew(target, self._services, never), never)
        sent_s = slew.sent_monotonic_s or time.monotonic()
        steps["slew_sent"] = 1000 * (sent_s - t0_s)
        logger.warning("alert %s: slewing to %.4f %.4f, %.1f ms after its last byte", payload["ivorn"],
                       payload["ra_deg"], payload["dec_deg"], steps["slew_sent"])  # fmt: skip
        return slew

    def _why_not(self, sequence_id: int, payload: dict[str, Any]) -> str:
        if self.machine.status is not NightStatus.OBSERVING:
            return f"the night is {self.machine.status}: {self.machine.reason or 'not observing'}"
        if hold := self.machine.hold():
            return hold
        running = self.machine.course.running
        # Its own sequence gives way: the telescope is asked to a better position of the same event.
        same = running is not None and running.sequence_id == sequence_id
        if running is not None and running.is_alert and not running.ended and not same:
            return f"another alert's sequence {running.sequence_id} is being observed"
        return unobservable(
            self._services,
            float(payload["ra_deg"]),
            float(payload["dec_deg"]),
            float(payload.get("min_altitude_deg", self._services.site.min_altitude_deg)),
        )

    def _duration_s(self, sequence_id: int) -> float:
        with self._services.store.session(read_only=True) as session:
            sequence = session.get_one(Sequence, sequence_id)
            return duration_s(sequence, Overheads.from_devices(session), images_taken(session, [sequence]))

    def _note_steps(self, alert_id: int, steps: dict[str, float], why_not: str) -> None:
        with self._services.store.session() as session:
            alert = session.scalar(select(Alert).where(Alert.id == alert_id))
            if alert is None:
                logger.error("alert %d is not in the store", alert_id)
                return
            alert.steps = {**alert.steps, **{step: round(ms, 3) for step, ms in steps.items()}}
            if alert.status is not AlertStatus.ACCEPTED:
                return  # it was retracted meanwhile
            if why_not:
                alert.reason = f"not observed at once: {why_not}"
            else:
                alert.become(AlertStatus.OBSERVING, "")


def unobservable(services: Services, ra_deg: float, dec_deg: float, min_altitude_deg: float) -> str:
    """Say why a position can't be observed now; empty if it can."""
    block = Block(
        0,
        ra_deg,
        dec_deg,
        60.0,
        priority=100.0,
        min_altitude_deg=min_altitude_deg,
        max_sun_altitude_deg=-12.0,
    )
    seen = observable(block, services.sky, services.clock.unix_s())
    return "" if seen.ok else f"not observable now: {seen.reason}"
