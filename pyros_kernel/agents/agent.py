"""The base of every agent: a thread whose only entry points, once it is set up, are messages."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pyros_kernel.agents import names, state
from pyros_kernel.agents.binding import bind
from pyros_kernel.agents.config import AgentConfig, current
from pyros_kernel.agents.identity import Identity
from pyros_kernel.agents.inbox import Inbox
from pyros_kernel.agents.message import Message, Reply
from pyros_kernel.agents.periodic import Periodic
from pyros_kernel.agents.receiver import Receiver
from pyros_kernel.clock import Clock


class Agent:
    """An independent module of the observatory; subclass it.

    Call this ``__init__`` first, with the agent's name; define the messages it can receive and a method for
    each; register them in ``actions_by_message``; override :meth:`work` and, if needed, :meth:`shutdown`.
    An action gets the :class:`Message` if it can take an argument. Exceptions in an action are logged and
    counted and never end the agent.

    :param name: which agent it is: a section of pyros_agent_config.ini
    :param config: the addresses; :func:`~pyros_kernel.agents.config.current` if left out
    :param clock: the observatory's clock, for time-stamps and deadlines; the system's time if left out
    """

    MAJORDOME: Final = names.MAJORDOME
    ALERT_MANAGER: Final = names.ALERT_MANAGER
    SCHEDULER: Final = names.SCHEDULER
    MONITORING: Final = names.MONITORING
    WATCHER: Final = names.WATCHER
    SHUTDOWN: Final = names.SHUTDOWN

    hang_s: float = 30.0
    """Real seconds after which a running action counts as hung."""
    slow_work_s: float = 5.0
    """Real seconds after which a ``work()`` that has not returned is logged."""
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
        self._identity = Identity(name)
        self._inbox = Inbox(self.inbox_size)
        self._record = state.Record(self.clock)
        self._receiver = Receiver(name, self.address, self._accept, self._tick)
        self._thread = threading.Thread(target=self._run, name=f"pyros-{name}", daemon=True)
        self._helpers: list[Periodic] = []
        self._lock = threading.Lock()
        self._is_shut = self._slow_work_told = False

    # ------------------------------------------------------------------ what a subclass overrides

    def work(self) -> None:
        """Set the agent up; runs first in the agent's thread and must return."""

    def shutdown(self) -> None:
        """Close what :meth:`work` opened; called once, on Agent.SHUTDOWN, :meth:`stop` or the agent's death.

        Runs in the agent's thread; for an agent that hangs, in another one.
        """

    # ------------------------------------------------------------------ what its owner calls

    def start(self) -> None:
        """Listen for messages and run :meth:`work` in the agent's own thread.

        :raises AlreadyRunning: if another agent or program holds the address, saying who
        :raises ConfigError: if the address is not of this machine
        :raises RuntimeError: if this agent was started before: make a new one
        """
        with self._lock:
            if self._record.since_s is not None:
                raise RuntimeError(f"agent {self.name} was started before; make a new one")
            self._record.since_s = self.clock.unix_s()
        try:
            bind(self._receiver.start, self.name, self.address)
        except BaseException:
            self._record.since_s = None
            raise
        self._record.enter(state.STARTING)
        self._thread.start()
        self.log.info("started, listening at %s", self.address)

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the agent, and abandon it if it does not end in time.

        :param timeout_s: real seconds
        :return: whether it ended by itself
        """
        self._request_stop()
        if threading.current_thread() is self._thread:
            return True
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.abandon()
            return False
        self._receiver.stop()
        self._record.phase = state.STOPPED
        return True

    def abandon(self) -> None:
        """Give up an agent that hangs: free its address, end its helpers, make its later sends harmless.

        Python can't kill a thread; the hanging one stays until what it waits for returns.
        """
        self.log.error(
            "hangs in %s; a thread can't be killed, so it is abandoned", self._record.action or "work()"
        )
        self._identity.abandoned.set()
        self._request_stop()
        self._receiver.stop()
        closing = threading.Thread(target=self._shut, name=f"pyros-{self.name}-shutdown", daemon=True)
        closing.start()
        closing.join(1.0)
        self._record.enter(state.STOPPED)

    def every(self, seconds_real: float, function: Callable[[], object], name: str) -> None:
        """Call a function periodically in a helper thread that ends with the agent.

        :param seconds_real: period in real seconds; the first call is made at once
        :param name: what it does, for the log and the thread's name
        :raises ValueError: if the period is not positive
        """
        helper = Periodic(
            self._identity, name, seconds_real, function, self.stopping, self._record.note_error
        )
        with self._lock:
            self._helpers.append(helper)
            begun = self._record.phase != state.STOPPED
        if begun:  # those asked for before begin with the agent
            helper.start()

    @property
    def state(self) -> str:
        """The agent's state: starting, running, busy, failed, hung or stopped."""
        return self._record.state(self.hang_s)

    @property
    def receiver_age_s(self) -> float:
        """Real seconds since the receiver's last sign of life."""
        return time.monotonic() - self._receiver.beat

    def status(self) -> dict[str, Any]:
        """Describe the agent in JSON values, as ``Sender.ask(name, "status")`` does."""
        return self._record.report(self.name, self.hang_s, len(self._inbox))

    def adopt(self, older: Agent) -> None:
        """Take over the waiting messages and the counters of a stopped agent that this one replaces."""
        left, seen = older._inbox.drain()
        for message in left:
            self._inbox.put(message, urgent=message.name in self.urgent)
        self._inbox.remember(seen)
        self._record.inherit(older._record)

    # ------------------------------------------------------------------ the agent's thread

    def receive(self) -> None:
        """Get messages from the network until the agent stops."""
        while (message := self._inbox.take()) is not None:
            self.analyze_message(message)

    def analyze_message(self, message: Message) -> None:
        """Find the action of a message and run it; log and count what goes wrong."""
        if message.deadline_s is not None and self.clock.unix_s() > message.deadline_s:
            self.log.warning("%s from %s dropped: its deadline has passed", message.name, message.sender)
            return
        action = self.actions_by_message[message.name]
        self._record.action = message.name, time.monotonic()
        try:
            if _takes_message(action, message):
                action(message)
            else:
                action()
        except Exception as error:  # an action never ends its agent
            self.log.exception("%s from %s failed", message.name, message.sender)
            self._record.note_error(error)
        finally:
            self._record.action = None

    def _run(self) -> None:
        self._identity.assume()
        with self._lock:
            waiting = list(self._helpers)
            self._record.phase_began_s = time.monotonic()
        for helper in waiting:
            helper.start()
        failed = True
        try:
            self.work()
            self._record.enter(state.RUNNING)
            self.receive()
            failed = False
        except BaseException as error:
            if not self._identity.abandoned.is_set():
                self.log.exception("died")
                self._record.note_error(error)
        finally:
            self._finish(failed)

    def _finish(self, failed: bool) -> None:
        if self._identity.abandoned.is_set():
            self.log.info("the abandoned thread has ended")
            return
        if failed:
            self._record.enter(state.FAILED)
        self.stopping.set()
        self._shut()
        if not failed:  # a failed one goes on telling that it failed, until its owner stops it
            self._receiver.stop()
            self._record.enter(state.STOPPED)
            if len(self._inbox):
                self.log.warning("stopped with %d messages undone", len(self._inbox))

    def _shut(self) -> None:
        with self._lock:
            if self._is_shut:
                return
            self._is_shut = True
        self._identity.assume()
        try:
            self.shutdown()
        except Exception as error:  # an agent must end whatever its shutdown() does
            self.log.exception("shutdown() failed")
            self._record.note_error(error)
        end = time.monotonic() + 2.0
        for helper in self._helpers:
            if not helper.join(max(0.0, end - time.monotonic())):
                self.log.error("helper %s does not end; it is left behind", helper)

    # ------------------------------------------------------------------ the receiver's thread

    def _accept(self, message: Message) -> Reply:
        if message.is_question:
            if message.name == names.STATUS:
                return Reply(message.id, taken=True, answer=self.status())
            return Reply(message.id, taken=False, why=f"unknown question (known: {names.STATUS})")
        if (why := self._objection(message)) is not None:
            self.log.warning("refused %s from %s: %s", message.name, message.sender, why)
            return Reply(message.id, taken=False, why=why)
        self._record.last_message, self._record.last_message_s = message.name, self.clock.unix_s()
        if message.name == self.SHUTDOWN:
            self._request_stop()
        return Reply(message.id, taken=True)

    def _objection(self, message: Message) -> str | None:
        if message.to != self.name:
            return f"this is agent {self.name!r}, not {message.to!r}; compare the ini files"
        if message.name == self.SHUTDOWN:
            return None
        if message.name not in self.actions_by_message:
            return f"unknown message (known: {', '.join((*self.actions_by_message, self.SHUTDOWN))})"
        if message.deadline_s is not None and self.clock.unix_s() > message.deadline_s:
            return "its deadline has passed"
        if self.stopping.is_set():
            return "the agent has failed" if self.state == state.FAILED else "the agent is stopping"
        if not self._inbox.put(message, urgent=message.name in self.urgent):
            return f"inbox full ({self.inbox_size} messages wait)"
        return None

    def _request_stop(self) -> None:
        self.stopping.set()
        self._inbox.close()
        if self._record.phase == state.FAILED:
            self._receiver.stop()
            self._record.phase = state.STOPPED

    def _tick(self) -> None:
        record = self._record
        slow = record.phase == state.STARTING and time.monotonic() - record.phase_began_s > self.slow_work_s
        if slow and not self._slow_work_told:
            self._slow_work_told = True
            self.log.warning("work() has not returned after %g s; no message is dealt with", self.slow_work_s)


def _takes_message(action: Callable[..., object], message: Message) -> bool:
    try:
        inspect.signature(action).bind(message)
    except (TypeError, ValueError):  # takes no argument, or is a builtin that doesn't tell
        return False
    return True
