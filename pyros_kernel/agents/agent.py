"""The base of every agent: a thread whose only entry points, once it is set up, are messages."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pyros_kernel.agents import names, state
from pyros_kernel.agents.config import AgentConfig, current
from pyros_kernel.agents.inbox import Inbox
from pyros_kernel.agents.life import Life
from pyros_kernel.agents.message import Message, Reply
from pyros_kernel.agents.pace import Pace
from pyros_kernel.clock import Clock

_SILENT_S = 3.5
_LATE_S = 3.5  # with a look every second, whatever hangs is told within 4.5 s, of the 5 that are promised


class Agent:
    """An independent module of the observatory; subclass it.

    Call this ``__init__`` first, with the agent's name; define the messages it can receive and a method for
    each; register them in ``actions_by_message`` (those in ``urgent`` go before all others); override
    :meth:`work` and, if needed, :meth:`shutdown`. An action gets the :class:`Message` if it can take an
    argument. Exceptions in an action are logged and counted and never end the agent.

    :param name: which agent it is: a section of pyros_agent_config.ini
    :param config: the addresses; :func:`~pyros_kernel.agents.config.current` if left out
    :param clock: the observatory's clock, for time-stamps and deadlines; the system's time if left out
    :raises UnknownAgent: if the ini file does not describe the agent
    """

    MAJORDOME: Final = names.MAJORDOME
    ALERT_MANAGER: Final = names.ALERT_MANAGER
    SCHEDULER: Final = names.SCHEDULER
    MONITORING: Final = names.MONITORING
    WATCHER: Final = names.WATCHER
    SHUTDOWN: Final = names.SHUTDOWN

    silent_s: float = 3.5
    """Real seconds after which a running action that gives no sign of life counts as hung: it neither computes, nor
    is inside a session of the store or sends a message, nor says :func:`pyros_kernel.agents.sign`."""
    hang_s: float = 3.5
    """Real seconds after which a running action counts as hung whatever signs it gives; raise it for an agent whose
    actions take longer."""
    slow_work_s: float = 5.0
    """Real seconds after which a ``work()`` that has not returned is logged."""
    stop_s: float = 5.0
    """Real seconds its end may take, :meth:`shutdown` included, before it is abandoned."""
    inbox_size: int = 256
    """How many messages may wait, urgent and others each; a full inbox refuses."""

    def __init__(self, name: str, *, config: AgentConfig | None = None, clock: Clock | None = None) -> None:
        self.name = name
        self.config = config or current()
        self.address = self.config.address(name)
        self.clock = clock or Clock()
        self.log = logging.getLogger(f"pyros_kernel.agents.{name}")
        self.actions_by_message: dict[str, Callable[..., object]] = {}
        self.urgent: set[str] = set()
        self.stopping = threading.Event()
        self._inbox = Inbox(self.inbox_size)
        self._record = state.Record(self.clock)
        self._pace, self._looped = Pace(), ""
        self._life = Life(self, self._record, self._inbox, self._accept)

    def work(self) -> None:
        """Set the agent up; runs first in the agent's thread and must return."""

    def shutdown(self) -> None:
        """Close what :meth:`work` opened; called once, on Agent.SHUTDOWN, :meth:`stop` or the agent's death.

        Runs in the agent's thread; for an agent that hangs, in another one.
        """

    def start(self) -> None:
        """Listen for messages and run :meth:`work` in the agent's own thread.

        :raises AlreadyRunning: if another agent or program holds the address, saying who
        :raises ConfigError: if the address is not of this machine
        :raises RuntimeError: if this agent was started before: make a new one
        """
        self._life.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the agent; one that does not end in time is abandoned.

        A Python thread can't be killed: an abandoned one stays until what it waits for returns. Meanwhile its
        address is free, and a message it still tries to send ends it.

        :param timeout_s: real seconds
        :return: whether it ended by itself
        """
        return self._life.stop(timeout_s)

    def every(self, seconds_real: float, function: Callable[[], object], name: str) -> None:
        """Call a function at once, and at each beat of a period, in a helper thread that ends with the agent.

        An exception is logged and counted, and the function called again after the next period.

        :param seconds_real: period in real seconds, whose beats are the same for all of this machine
        :param name: what it does, for the log and the thread's name
        :raises ValueError: if the period is not positive
        """
        self._life.every(seconds_real, function, name)

    @property
    def state(self) -> str:
        """The agent's state: starting, running, busy, failed, hung or stopped."""
        return self._record.state(self.silent_s, self.hang_s, self.stop_s)

    @property
    def told_to_stop(self) -> bool:
        """Whether somebody wants its end; one that died was not told."""
        return self._life.stop_asked

    def status(self) -> dict[str, Any]:
        """Describe the agent in JSON values, as ``Sender.ask(name, "status")`` does."""
        return self._record.report(self.name, self.state, len(self._inbox))

    def late(self) -> str:
        """Tell in words what it has been doing for long, without counting as hung yet; empty if nothing."""
        action = self._record.action
        if action is None or time.monotonic() - action[1] < _LATE_S:
            return ""
        limit_s = self.stop_s if action[0] == state.SHUTTING_DOWN else self.hang_s
        return f"is in {action[0]} for more than {_LATE_S:g} s (replaced after {limit_s:g} s, or when it falls silent)"

    def trouble(self) -> str:
        """Tell why the agent must be replaced, in words; empty if it need not be."""
        if why := self._record.hangs(self.silent_s, self.hang_s, self.stop_s):
            return why
        now = self.state
        if now == state.FAILED:
            return f"died: {self._record.last_error}"
        if now != state.STOPPED and self._life.receiver_age_s > _SILENT_S:
            return f"has not looked at the network for {self._life.receiver_age_s:.0f} s"
        self._looped, rate = self._pace.loop()
        return f"loops in {self._looped}: {rate:.0f} times a second" if self._looped else ""

    def adopt(self, older: Agent) -> None:
        """Take over the waiting messages and the counters of a stopped agent that this one replaces.

        Not the messages in which it went round in circles.
        """
        left, seen = older._inbox.drain()
        for message in left:
            if message.name != older._looped:
                self._inbox.put(message, urgent=message.name in self.urgent)
        self._inbox.remember(seen)
        self._record.inherit(older._record)

    def receive(self) -> None:
        """Get messages from the network until the agent stops; runs in the agent's thread."""
        while (message := self._inbox.take()) is not None:
            self.analyze_message(message)

    def analyze_message(self, message: Message) -> None:
        """Find the action of a message and run it; log and count what goes wrong."""
        if message.deadline_s is not None and self.clock.unix_s() > message.deadline_s:
            self.log.warning("%s from %s dropped: its deadline has passed", message.name, message.sender)
            return
        self._record.action = message.name, time.monotonic()
        self._pace.note(message.name)
        try:
            action = self.actions_by_message[message.name]
            if _takes_message(action, message):
                action(message)
            else:
                action()
        except Exception as error:  # an action never ends its agent
            self.log.exception("%s from %s failed", message.name, message.sender)
            self._record.note_error(error)
        finally:
            self._record.action = None

    def _accept(self, message: Message) -> Reply:
        """Decide on a message, in the receiver's thread."""
        if message.is_question:
            if message.name == names.STATUS:
                return Reply(message.id, taken=True, answer=self.status())
            return Reply(message.id, taken=False, why=f"unknown question (known: {names.STATUS})")
        if why := self._objection(message):
            self.log.warning("refused %s from %s: %s", message.name, message.sender, why)
            return Reply(message.id, taken=False, why=why)
        self._record.last_message, self._record.last_message_s = message.name, self.clock.unix_s()
        if message.name == self.SHUTDOWN:
            self._life.request_stop()
        return Reply(message.id, taken=True)

    def _objection(self, message: Message) -> str:
        if message.to != self.name:
            return f"this is agent {self.name!r}, not {message.to!r}; compare the ini files"
        if message.name == self.SHUTDOWN:
            return ""
        if message.name not in self.actions_by_message:
            return f"unknown message (known: {', '.join((*self.actions_by_message, self.SHUTDOWN))})"
        if message.deadline_s is not None and self.clock.unix_s() > message.deadline_s:
            return "its deadline has passed"
        if self.stopping.is_set():
            return "the agent has failed" if self.state == state.FAILED else "the agent is stopping"
        if not self._inbox.put(message, urgent=message.name in self.urgent):
            return f"inbox full ({self.inbox_size} messages wait)"
        return ""


def _takes_message(action: Callable[..., object], message: Message) -> bool:
    try:
        inspect.signature(action).bind(message)
    except (TypeError, ValueError):  # takes no argument, or is a builtin that doesn't tell
        return False
    return True
