"""What is to be observed next: the current schedule, and an alert before it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import NotDelivered, Refused
from pyros_kernel.agents.sender import Sender
from pyros_kernel.services import Services
from pyros_kernel.store import PlacedSequence, Schedule, ScheduleStatus, Sequence, SequenceStatus

logger = logging.getLogger(__name__)

_ANSWER_REAL_S = 15.0  # how long the Scheduler may take before it is asked again


@dataclass(frozen=True, slots=True)
class Entry:
    """A placed sequence (unix seconds)."""

    sequence_id: int
    start_s: float
    end_s: float


class Agenda:
    """Keep the placed sequences that are still to be done, and ask the Scheduler for new ones."""

    def __init__(self, services: Services, config: AgentConfig | None) -> None:
        self._services, self._config = services, config
        self._entries: list[Entry] = []
        self._taken: int | None = None  # runs, though the store may not say so yet
        self._asked_real_s: float | None = None

    @property
    def waiting_for_schedule(self) -> bool:
        """Whether the Scheduler was asked and may still answer."""
        return self._asked_real_s is not None and time.monotonic() - self._asked_real_s < _ANSWER_REAL_S

    def ask(self, reason: str, **about: object) -> None:
        """Ask the Scheduler for a schedule from now on; the answer comes as a message to the Majordome.

        :param about: what else it should know, see :class:`~pyros_kernel.agents.scheduler.Scheduler`
        """
        payload = {
            "reason": reason,
            "start_unix_s": self._services.clock.unix_s(),
            "night_id": self._services.night_id,
            **about,
        }
        try:
            Sender.send_to(Agent.SCHEDULER, "Schedule", payload, config=self._config)
        except (NotDelivered, Refused) as error:
            logger.error("no new schedule (%s): %s", reason, error)
            return
        self._asked_real_s = time.monotonic()

    def stands(self) -> bool:
        """Tell whether the store holds a schedule of this night: one that begins anew goes on with it."""
        with self._services.store.session(read_only=True) as session:
            current = select(Schedule.id).where(
                Schedule.night_id == self._services.night_id, Schedule.status == ScheduleStatus.CURRENT
            )
            return session.scalar(current) is not None

    def load(self) -> None:
        """Take over the current schedule from the store."""
        with self._services.store.session(read_only=True) as session:
            rows = session.execute(
                select(PlacedSequence.sequence_id, PlacedSequence.start, PlacedSequence.end)
                .join(Schedule)
                .join(Sequence, PlacedSequence.sequence_id == Sequence.id)
                .where(
                    Schedule.night_id == self._services.night_id,
                    Schedule.status == ScheduleStatus.CURRENT,
                    PlacedSequence.start.is_not(None),
                    Sequence.status == SequenceStatus.PLANNED,
                )
                .order_by(PlacedSequence.start)
            ).all()
        self._entries = [
            Entry(i, start.timestamp(), end.timestamp()) for i, start, end in rows if start and end and i != self._taken
        ]
        self._asked_real_s = None

    def next(self) -> Entry | None:
        """Give the next placed sequence, without taking it."""
        return self._entries[0] if self._entries else None

    def holds(self, entry: Entry) -> bool:
        """Tell whether a sequence still has its place in the store."""
        with self._services.store.session(read_only=True) as session:
            return session.get_one(Sequence, entry.sequence_id).status is SequenceStatus.PLANNED

    def earliest_s(self, entry: Entry) -> float:
        """Tell when a sequence may begin: the point of a series before it may have begun later than planned."""
        with self._services.store.session(read_only=True) as session:
            sequence = session.get_one(Sequence, entry.sequence_id)
            former = sequence.after
            if former is None or former.started is None or sequence.min_gap_s is None:
                return entry.start_s
            return max(entry.start_s, former.started.timestamp() + sequence.min_gap_s)

    def claim(self, sequence_id: int) -> None:
        """Let a sequence that goes before all others have its place, whatever a schedule made of it meanwhile."""
        with self._services.store.session() as session:
            sequence = session.get_one(Sequence, sequence_id)
            if sequence.status is SequenceStatus.OBSERVABLE:
                sequence.become(SequenceStatus.PLANNED, "it goes first")

    def take(self, sequence_id: int) -> None:
        """Take a sequence out: it runs now."""
        self._taken = sequence_id
        self.leave_out(sequence_id)

    def ended(self) -> None:
        """Note that nothing runs: what ran may be scheduled again."""
        self._taken = None

    def leave_out(self, sequence_id: int) -> None:
        """Take a sequence out: it is not to be observed."""
        self._entries = [entry for entry in self._entries if entry.sequence_id != sequence_id]

    def place_now(self, sequence_id: int, duration_s: float, why: str) -> None:
        """Write a sequence that starts out of turn into the current schedule, so that it stands there too."""
        now = datetime.fromtimestamp(self._services.clock.unix_s(), UTC)
        end = datetime.fromtimestamp(self._services.clock.unix_s() + duration_s, UTC)
        with self._services.store.session() as session:
            sequence = session.get_one(Sequence, sequence_id)
            if sequence.status is SequenceStatus.OBSERVABLE:
                sequence.become(SequenceStatus.PLANNED, why)
            schedule = session.scalar(
                select(Schedule).where(
                    Schedule.night_id == self._services.night_id, Schedule.status == ScheduleStatus.CURRENT
                )
            )
            if schedule is None:
                schedule = Schedule(
                    created=now, plan_start=now, plan_end=end, night_id=self._services.night_id, reason=why
                )
                session.add(schedule)
            entry = session.scalar(
                select(PlacedSequence).where(
                    PlacedSequence.schedule_id == schedule.id, PlacedSequence.sequence_id == sequence_id
                )
            )
            if entry is None:
                entry = PlacedSequence(schedule=schedule, sequence_id=sequence_id)
                session.add(entry)
            entry.start, entry.end, entry.reason = now, end, why
