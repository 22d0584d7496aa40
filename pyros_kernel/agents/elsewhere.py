"""The agents of another process, on this machine or another, as its Sender reaches them."""

from __future__ import annotations

import threading

from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.names import WATCHER
from pyros_kernel.agents.network import status
from pyros_kernel.agents.roll import roll, view_of
from pyros_kernel.agents.sender import Sender
from pyros_kernel.agents.state import STOPPED
from pyros_kernel.agents.watcher import Watcher
from pyros_kernel.snapshot import AgentView

_LOOK_REAL_S = 1.0
_RESTART_REAL_S = 5.0


class AgentsElsewhere:
    """Ask every second how each agent of a configuration is; :meth:`close` ends that.

    :param config: where they listen
    """

    def __init__(self, config: AgentConfig) -> None:
        self.config = config
        self._views: tuple[AgentView, ...] = ()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="pyros-agents-elsewhere", daemon=True)
        self._look()
        self._thread.start()

    def views(self) -> tuple[AgentView, ...]:
        """Show every agent, a second old at most; one that does not answer is stopped, or unknown."""
        return self._views

    def is_running(self) -> bool:
        """Tell whether any listens."""
        return any(view.state != STOPPED for view in self._views)

    def restart(self, name: str) -> None:
        """Have the Watcher replace an agent.

        :raises NotDelivered: if the Watcher does not listen
        :raises Refused: if it did not take the message
        """
        Sender.send_to(WATCHER, Watcher.MSG_RESTART, {"name": name}, timeout_s=_RESTART_REAL_S, config=self.config)

    def close(self) -> None:
        """Look no more."""
        self._ending.set()
        self._thread.join()

    def __repr__(self) -> str:
        """Show all agents as a table."""
        return roll(self._views)

    def _keep_looking(self) -> None:
        while not self._ending.wait(_LOOK_REAL_S):
            self._look()

    def _look(self) -> None:
        self._views = tuple(view_of(each) for each in status(self.config))
