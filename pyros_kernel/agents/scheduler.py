"""The Scheduler: plan the night when it is asked to, and tell the Majordome."""

from __future__ import annotations

import logging
from typing import Protocol

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import NotDelivered, Refused
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.sender import Sender
from pyros_kernel.tasks.scheduling import SchedulingServices, schedule_night

logger = logging.getLogger(__name__)


class NightServices(SchedulingServices, Protocol):
    """What the Scheduler needs of the observatory: what scheduling needs, and which night it is."""

    @property
    def night_id(self) -> int:
        """The night that is observed."""
        ...


class Scheduler(Agent):
    """Answer "Schedule" with a new current schedule and the message "Schedule ready" to the Majordome.

    Payload of "Schedule": ``reason`` (text), and if need be ``start_unix_s`` (default: now) and ``night_id``
    (default: the night that is observed).
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
        schedule_id = schedule_night(
            int(asked.get("night_id", self._services.night_id)),
            float(asked.get("start_unix_s", self._services.clock.unix_s())),
            str(asked.get("reason", f"asked by {message.sender}")),
            services=self._services,
        )
        try:
            Sender.send_to(Agent.MAJORDOME, self.MSG_READY, {"schedule_id": schedule_id}, config=self.config)
        except (NotDelivered, Refused) as error:
            logger.warning("schedule %d is in the store, but nobody was told: %s", schedule_id, error)
