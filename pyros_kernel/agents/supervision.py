"""Look after agents: replace the dead and the hung, with patience, and keep a record of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.restart import Patience, RestartPolicy

logger = logging.getLogger(__name__)

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Incident:
    """What was seen or done about an agent.

    :param time_s: observatory time, unix seconds UTC
    """

    time_s: float
    name: str
    what: str


class Supervision:
    """What is known of each agent's troubles; the host and its Watcher share one.

    :param restart: replaces an agent by name
    """

    def __init__(self, policy: RestartPolicy, restart: Callable[[str], None]) -> None:
        self._policy, self._restart = policy, restart
        self._patience: dict[str, Patience] = {}
        self._due_s: dict[str, float] = {}
        self._broken: dict[str, str] = {}
        self._late: dict[str, str] = {}
        self._given_up: set[str] = set()
        self._incidents: deque[Incident] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The last incidents, oldest first."""
        return tuple(self._incidents)

    def is_broken(self, name: str) -> bool:
        """Tell whether the last restart of an agent failed."""
        return name in self._broken

    def forget(self, name: str) -> None:
        """Begin anew with an agent that somebody started by hand."""
        with self._lock:
            self._patience.pop(name, None)
            self._due_s.pop(name, None)
            self._broken.pop(name, None)
            self._given_up.discard(name)

    def look(self, name: str, agent: Agent) -> None:
        """Do what is to be done about an agent now; call it about every second."""
        trouble = self._broken.get(name) or agent.trouble()
        if not trouble:
            self._due_s.pop(name, None)
            late = agent.late()
            if late and late != self._late.get(name):
                self._note(logging.WARNING, name, agent, late)
            self._late[name] = late
            return
        if agent.told_to_stop and not self._broken.get(name) and agent.state == "hung":
            self._note(logging.ERROR, name, agent, f"{trouble}, though it was told to stop: abandoned")
            agent.stop(0)
            return
        if name in self._given_up:
            return
        now_s = time.monotonic()
        due_s = self._due_s.get(name)
        if due_s is None:
            self._plan(name, agent, trouble, now_s)
        elif now_s >= due_s:
            self._replace(name, agent)

    def _plan(self, name: str, agent: Agent, trouble: str, now_s: float) -> None:
        patience = self._patience.setdefault(name, Patience(self._policy))
        wait_s = patience.wait_s(now_s)
        if wait_s is None:
            self._given_up.add(name)
            tried = f"{self._policy.limit} restarts in {self._policy.window_s:g} s did not help"
            self._note(logging.CRITICAL, name, agent, f"{trouble}; {tried}: given up")
            return
        self._due_s[name] = now_s + wait_s
        self._note(logging.ERROR, name, agent, f"{trouble}; to be restarted in {wait_s:g} s")

    def _replace(self, name: str, agent: Agent) -> None:
        with self._lock:
            self._due_s.pop(name, None)
            self._broken.pop(name, None)
            self._patience.setdefault(name, Patience(self._policy)).note(time.monotonic())
        try:
            self._restart(name)
        except Exception as error:  # the next look plans the next try
            logger.exception("agent %s could not be restarted", name)
            self._broken[name] = f"could not be restarted: {error}"
        else:
            self._note(logging.WARNING, name, agent, "restarted")

    def _note(self, level: int, name: str, agent: Agent, what: str) -> None:
        self._incidents.append(Incident(agent.clock.unix_s(), name, what))
        logger.log(level, "agent %s %s", name, what)
