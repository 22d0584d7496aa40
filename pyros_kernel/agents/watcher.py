"""The agent that looks after the others."""

from __future__ import annotations

import time

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.host import AgentHost
from pyros_kernel.agents.message import Message
from pyros_kernel.clock import Clock

_LATE_S = 30.0


class Watcher(Agent):
    """Look at each agent of a host every second; replace the dead and the hung, with back-off.

    After five restarts in ten minutes it gives up, loudly; ``MSG_RESTART`` begins anew. What it saw and
    did is in ``AgentHost.incidents``.

    :param host: whose agents it looks after; the host looks after the Watcher
    :param look_s: real seconds between two looks
    """

    MSG_RESTART = "Restart agent"
    """Replace one agent now; payload ``{"name": …}``."""

    def __init__(
        self,
        host: AgentHost,
        *,
        config: AgentConfig | None = None,
        clock: Clock | None = None,
        look_s: float = 1.0,
    ) -> None:
        super().__init__(Agent.WATCHER, config=config, clock=clock)
        self._host, self._look_s = host, look_s
        self._looked_s = time.monotonic()
        self.actions_by_message[self.MSG_RESTART] = self.restart_agent

    def work(self) -> None:
        """Begin to look."""
        self._looked_s = time.monotonic()
        self.every(self._look_s, self._look, "look")

    def restart_agent(self, message: Message) -> None:
        """Replace the agent that the message names."""
        self._host.restart(str(message.payload.get("name")))

    def trouble(self) -> str:
        """Tell why the Watcher must be replaced: as any agent, or because its looking hangs."""
        age_s = time.monotonic() - self._looked_s
        if self.state == "running" and age_s > _LATE_S + self._look_s:
            return f"has not looked at the agents for {age_s:.0f} s"
        return super().trouble()

    def _look(self) -> None:
        self._host.look(at_watcher=False)
        self._looked_s = time.monotonic()
