"""Giving way to an alert: what runs is interrupted, the telescope sent, and the sequence handed to the night."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from astropy.coordinates import SkyCoord
from sqlalchemy import select

from instruments import InstrumentError, Operation, TelescopeState
from pyros_kernel.agents.night_machine import NightMachine
from pyros_kernel.agents.running import Running
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.scheduling import Block, observable
from pyros_kernel.scheduling.sequences import Overheads, duration_s, images_taken
from pyros_kernel.services import Services
from pyros_kernel.signs import sign
from pyros_kernel.store import Alert, AlertStatus, NightStatus, Sequence
from pyros_kernel.tasks.cuts import through_cuts
from pyros_kernel.tasks.pointing import start_slew

logger = logging.getLogger(__name__)

_AWAY_REAL_S = 10.0  # an interrupted sequence ends within a read-out


@dataclass(frozen=True, slots=True)
class _Pointed:
    steps: dict[str, float]
    slew: Operation[TelescopeState] | None = None
    why_not: str = ""
    interrupted: Running | None = None


class GivingWay:
    """Let a night give way to alerts.

    :param moving: held while something is decided about the telescope and sent to it
    :param stopping: set when the night's agent ends
    """

    def __init__(
        self, services: Services, machine: NightMachine, moving: threading.Lock, stopping: threading.Event
    ) -> None:
        self._services, self._machine, self._moving, self._stopping = services, machine, moving, stopping
        self._pointed: dict[str, _Pointed] = {}  # by the packet's key

    def point(self, payload: dict[str, Any]) -> None:
        """Interrupt what runs and slew; :meth:`observe` does the rest."""
        self._pointed[str(payload["key"])] = self._point(payload)

    def observe(self, payload: dict[str, Any]) -> None:
        """Observe an alert's sequence, pointing at it if that was not done yet; or say why not."""
        sequence_id, alert_id = int(payload["sequence_id"]), int(payload["alert_id"])
        pointed = self._pointed.pop(str(payload["key"]), None) or self._point(payload)
        agenda = self._machine.course.agenda
        if pointed.slew is not None:
            self._wait_for_end(sequence_id, pointed.interrupted)
            agenda.place_now(sequence_id, self._duration_s(sequence_id), f"alert {alert_id}")
            pointed = self._hand_over(sequence_id, payload, pointed)
        self._note_steps(alert_id, pointed.steps, pointed.why_not)
        if pointed.why_not:
            logger.warning("alert %d is not observed at once: %s", alert_id, pointed.why_not)
            agenda.ask(f"alert {alert_id}: {pointed.why_not}", alert=sequence_id)

    def _wait_for_end(self, sequence_id: int, interrupted: Running | None) -> None:
        """Wait until the machine has put away what ran, if that was this very sequence: it begins anew then."""
        if interrupted is None or interrupted.sequence_id != sequence_id:
            return
        deadline_s = time.monotonic() + _AWAY_REAL_S
        while self._machine.course.running is interrupted and time.monotonic() < deadline_s:
            sign()
            self._machine.wake.set()
            self._stopping.wait(0.01)

    def _hand_over(self, sequence_id: int, payload: dict[str, Any], pointed: _Pointed) -> _Pointed:
        """Give the sequence to the machine; what it began since the slew was sent, and may point elsewhere, ends."""
        while pointed.slew is not None:
            self._machine.course.take_alert(sequence_id, pointed.slew)
            other = self._machine.course.running
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
                interrupted = self._machine.course.running
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
        running = self._machine.course.running
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
        if self._machine.status is not NightStatus.OBSERVING:
            return f"the night is {self._machine.status}: {self._machine.reason or 'not observing'}"
        if hold := self._machine.hold():
            return hold
        running = self._machine.course.running
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
