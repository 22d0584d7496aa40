"""All agents of a process: started in order, stopped in reverse, watched and replaced."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from pyros_kernel.agents import state
from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.errors import UnknownAgent
from pyros_kernel.agents.names import WATCHER
from pyros_kernel.agents.restart import RestartPolicy
from pyros_kernel.agents.roll import roll, view_of
from pyros_kernel.agents.sender import Sender
from pyros_kernel.agents.supervision import Incident, Supervision
from pyros_kernel.beat import to_next
from pyros_kernel.snapshot import AgentView

logger = logging.getLogger(__name__)

_DEAD_S = 2.0  # how long a dead agent may hold up its successor, and whoever looks after the others


class AgentHost:
    """Hold the agents of this process.

    Nothing of it belongs to the main thread: no signal handler is set, all threads are daemons, and its owner
    calls :meth:`stop_all` (at exit too). A :class:`~pyros_kernel.agents.watcher.Watcher` among the agents
    looks after the others; the host looks after the Watcher.

    :param factories: agent's name → how to make one, in the order in which they start
    :param policy: how patiently dead and hung agents are replaced
    :param look_s: real seconds between two looks at the Watcher
    """

    def __init__(
        self,
        factories: Mapping[str, Callable[[], Agent]],
        *,
        policy: RestartPolicy | None = None,
        look_s: float = 1.0,
    ) -> None:
        self._factories = dict(factories)
        self._policy, self._look_s = policy or RestartPolicy(), look_s
        self._agents: dict[str, Agent] = {}
        self._changing: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._closing.set()
        self._minder: threading.Thread | None = None
        self._supervision = Supervision(self._policy, self._replace)

    def start_all(self) -> None:
        """Start every agent; if one can't start, none stays.

        :raises AlreadyRunning: if somebody holds the address of one, saying who
        :raises RuntimeError: if they run already
        """
        with self._lock:
            if not self._closing.is_set():
                raise RuntimeError("the agents of this host run already")
            self._closing.clear()
            self._agents = {}
            self._supervision = Supervision(self._policy, self._replace)
        try:
            for name, make in self._factories.items():
                agent = make()
                agent.start()
                self._agents[name] = agent
        except BaseException:
            self.stop_all()
            raise
        if WATCHER in self._factories:
            self._minder = threading.Thread(target=self._mind, name="pyros-agent-host", daemon=True)
            self._minder.start()

    def stop_all(self) -> tuple[str, ...]:
        """Stop every agent, the last started first, and close the connections of this process.

        Each gets its own ``stop_s``; who does not end in time is abandoned.

        :return: names of the abandoned
        """
        self._closing.set()
        minder, self._minder = self._minder, None
        if minder is not None and minder is not threading.current_thread():
            minder.join(2 * self._look_s + 1.0)
        abandoned = [name for name, agent in reversed(list(self._agents.items())) if not agent.stop(agent.stop_s)]
        Sender.close()
        return tuple(abandoned)

    def restart(self, name: str) -> None:
        """Replace an agent by a new one, which takes over the messages that waited.

        :raises UnknownAgent: if this host has no such agent
        :raises RuntimeError: if the host is stopped
        """
        self._supervision.forget(name)
        self._replace(name)

    def agent(self, name: str) -> Agent:
        """Give the agent that has a name now.

        :raises UnknownAgent: if this host has no such agent, or it was never started
        """
        try:
            return self._agents[name]
        except KeyError:
            raise UnknownAgent(f"this host runs no agent {name!r} (it runs: {', '.join(self._agents)})") from None

    def is_running(self) -> bool:
        """Tell whether any agent has not stopped, or is to be replaced."""
        return any(agent.state != state.STOPPED for agent in self._agents.values())

    def views(self) -> tuple[AgentView, ...]:
        """Show every agent, in the order in which they start."""
        return tuple(self._view(name) for name in self._factories)

    def __repr__(self) -> str:
        """Show all agents as a table."""
        return roll(self.views())

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What the Watcher and the host saw and did since the start, oldest first."""
        return self._supervision.incidents

    def look(self, *, at_watcher: bool) -> None:
        """Look after the Watcher, or after all agents but the Watcher."""
        for name, agent in list(self._agents.items()):
            if (name == WATCHER) is at_watcher and not self._closing.is_set():
                self._supervision.look(name, agent)

    def _mind(self) -> None:
        while not self._closing.wait(to_next(self._look_s)):
            try:
                self.look(at_watcher=True)
            except Exception:  # nobody else would bring the Watcher back
                logger.exception("looking after the Watcher failed; again in %g s", self._look_s)

    def _replace(self, name: str) -> None:
        if name not in self._factories:
            raise UnknownAgent(f"this host has no agent {name!r} (it has: {', '.join(self._factories)})")
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError("this host is stopped; start_all() starts all its agents")
            if name in self._changing:
                return
            self._changing.add(name)
        try:
            older = self._agents.get(name)
            if older is not None:
                older.stop({state.HUNG: 0.0, state.FAILED: _DEAD_S}.get(older.state, older.stop_s))
            newer = self._factories[name]()
            if older is not None:
                newer.adopt(older)
            newer.start()
            self._agents[name] = newer
            if self._closing.is_set():
                newer.stop()
        finally:
            with self._lock:
                self._changing.discard(name)

    def _view(self, name: str) -> AgentView:
        agent = self._agents.get(name)
        if agent is None:
            return view_of({"name": name, "state": state.STOPPED})
        return view_of(agent.status(), state.FAILED if self._supervision.is_broken(name) else None)
