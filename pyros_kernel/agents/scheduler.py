"""The Scheduler: plan the night when it is asked to, and tell the Majordome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import NotDelivered, Refused
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.sender import Sender
from pyros_kernel.scheduling.tonight import Happened
from pyros_kernel.signs import sign
from pyros_kernel.store.patience import AWAY, patiently
from pyros_kernel.tasks.scheduling import (
    STABILITY,
    SchedulingServices,
    improve_schedule,
    reschedule_night,
    schedule_night,
)

logger = logging.getLogger(__name__)

_AWAY_REAL_S = 60.0  # so long it waits for a store: less than what looks like a hang


class NightServices(SchedulingServices, Protocol):
    """What the Scheduler needs of the observatory: what scheduling needs, and which night it is."""

    @property
    def night_id(self) -> int:
        """The night that is observed."""
        ...


class Scheduler(Agent):
    """Answer "Schedule" with a new current schedule and the message "Schedule ready" to the Majordome.

    The schedule that stands is repaired, in milliseconds; then a better one is looked for, while no other message
    waits, and told in the same way.  Payload, all of it if need be: ``reason`` (text), ``start_unix_s`` (default:
    now), ``night_id`` (default: the night that is observed), ``anew`` (plan the whole night again), ``soon`` (look for
    nothing better now), ``eager`` (take what is better by however little), and the sequences ``taken`` (begins just
    now), ``alert`` (as soon as it can be), ``pinned`` (just now).
    """

    hang_s = 120.0  # a plan of a full night on a busy machine

    MSG_SCHEDULE = "Schedule"
    MSG_READY = "Schedule ready"

    def __init__(self, services: NightServices, *, config: AgentConfig | None = None) -> None:
        super().__init__(Agent.SCHEDULER, config=config, clock=services.clock)
        self._services = services
        self.actions_by_message[self.MSG_SCHEDULE] = self.schedule

    def schedule(self, message: Message) -> None:
        """Plan the night and tell the Majordome; one that is away learns it from the store."""
        asked = message.payload
        night_id = int(asked.get("night_id", self._services.night_id))
        now_s = self._services.clock.unix_s()
        start_s = max(now_s, float(asked.get("start_unix_s", now_s)))  # it may have waited for its turn
        reason = str(asked.get("reason", f"asked by {message.sender}"))
        if asked.get("anew"):
            self._tell(
                self._patiently(
                    lambda: schedule_night(night_id, start_s, reason, services=self._services, stop=self._over)
                )
            )
            return
        happened, taken_id = Happened(_id(asked, "alert"), _id(asked, "pinned")), _id(asked, "taken")
        schedule_id = self._patiently(
            lambda: reschedule_night(
                night_id, start_s, reason, services=self._services, happened=happened, taken_id=taken_id
            )
        )
        self._tell(schedule_id)
        if not self._wanted() and not asked.get("soon"):
            now_s = max(start_s, self._services.clock.unix_s())
            stability = 0.0 if asked.get("eager") else STABILITY
            try:
                better_id = improve_schedule(
                    schedule_id, now_s, services=self._services, stability=stability, stop=self._wanted
                )
            except AWAY:  # what stands is good, and nobody waits for a better one
                logger.warning("schedule %d stands: the store went away while a better one was looked for", schedule_id)
                return
            if better_id != schedule_id:
                self._tell(better_id)

    def _patiently(self, make: Callable[[], int]) -> int:
        """Make a schedule though the store is away for a while: whoever asked would wait for it in vain."""
        return patiently("a schedule", make, self.stopping, _AWAY_REAL_S)

    def _over(self) -> bool:
        sign()
        return self.stopping.is_set()

    def _wanted(self) -> bool:
        """Whether something else is to be done."""
        return self._over() or len(self._inbox) > 0

    def _tell(self, schedule_id: int) -> None:
        try:
            Sender.send_to(Agent.MAJORDOME, self.MSG_READY, {"schedule_id": schedule_id}, config=self.config)
        except (NotDelivered, Refused) as error:
            logger.warning("schedule %d is in the store, but nobody was told: %s", schedule_id, error)


def _id(asked: Mapping[str, Any], what: str) -> int | None:
    value = asked.get(what)
    return None if value is None else int(value)
