"""The life of one agent: its two threads from start to end, whatever its code does meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pyros_kernel.agents import state
from pyros_kernel.agents.binding import bind
from pyros_kernel.agents.config import Address
from pyros_kernel.agents.identity import Identity
from pyros_kernel.agents.inbox import Inbox
from pyros_kernel.agents.message import Message, Reply
from pyros_kernel.agents.periodic import Periodic
from pyros_kernel.agents.receiver import Receiver
from pyros_kernel.signs import Signs

_HELPERS_END_S = 2.0


class Living(Protocol):
    """What a life needs of its agent."""

    name: str
    address: Address
    slow_work_s: float
    stopping: threading.Event

    def work(self) -> None: ...  # noqa: D102
    def receive(self) -> None: ...  # noqa: D102
    def shutdown(self) -> None: ...  # noqa: D102


class Life:
    """Run an agent.

    :param agent: whose ``work``, ``receive`` and ``shutdown`` are called
    :param record: where its phases and errors are noted
    :param inbox: closed when the agent must stop
    :param accept: decides on a message, in the receiver's thread
    """

    def __init__(self, agent: Living, record: state.Record, inbox: Inbox, accept: Callable[[Message], Reply]) -> None:
        self._agent, self._record, self._inbox = agent, record, inbox
        self._logger = logging.getLogger(f"pyros_kernel.agents.{agent.name}")
        self._identity = Identity(agent.name)
        self._receiver = Receiver(agent.name, agent.address, accept, self._tick)
        self._thread = threading.Thread(target=self._run, name=f"pyros-{agent.name}", daemon=True)
        self._helpers: list[Periodic] = []
        self._lock = threading.Lock()
        self._is_shut = self._stop_asked = self._slow_work_told = False

    @property
    def stop_asked(self) -> bool:
        """Whether somebody wants its end."""
        return self._stop_asked

    @property
    def receiver_age_s(self) -> float:
        """Real seconds since the receiver's last sign of life."""
        return time.monotonic() - self._receiver.beat

    def start(self) -> None:
        """Take the address and start both threads; errors as of ``Agent.start``."""
        with self._lock:
            if self._record.since_s is not None:
                raise RuntimeError(f"agent {self._agent.name} was started before; make a new one")
            self._record.since_s = self._record.clock.unix_s()
        try:
            bind(self._receiver.start, self._agent.name, self._agent.address)
        except BaseException:
            self._record.since_s = None
            raise
        self._record.enter(state.STARTING)
        self._thread.start()
        self._logger.info("started, listening at %s", self._agent.address)

    def request_stop(self) -> None:
        """Let the agent end as soon as its action has; return at once."""
        self._agent.stopping.set()
        self._stop_asked = True
        self._inbox.close()
        if self._record.phase == state.FAILED:
            self._receiver.stop()
            self._record.phase = state.STOPPED

    def stop(self, timeout_s: float) -> bool:
        """End the agent, or abandon it; return whether it ended by itself."""
        self.request_stop()
        if threading.current_thread() is self._thread:
            return True
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._abandon()
            return False
        self._receiver.stop()
        self._record.phase = state.STOPPED
        return True

    def _abandon(self) -> None:
        # Python can't kill a thread: this one stays until what it waits for returns, and then ends.
        action = self._record.action
        what = action[0] if action else "work()"
        self._logger.error("hangs in %s; a thread can't be killed, so it is abandoned", what)
        self._identity.abandoned.set()
        self._receiver.stop()
        closing = threading.Thread(target=self._shut, name=f"{self._thread.name}-shutdown", daemon=True)
        closing.start()
        closing.join(_HELPERS_END_S + 1.0)
        self._record.enter(state.STOPPED)

    def every(self, seconds_real: float, function: Callable[[], object], name: str) -> None:
        """Start a helper thread, or have it started with the agent."""
        stopping, failed = self._agent.stopping, self._record.note_error
        helper = Periodic(self._identity, name, seconds_real, function, stopping, failed)
        with self._lock:
            self._helpers.append(helper)
            if self._record.since_s is not None:
                helper.start()

    def _run(self) -> None:
        self._identity.assume()
        self._record.signs = signs = Signs()
        with self._lock:
            for helper in self._helpers:
                helper.start()
        failed = True
        try:
            self._agent.work()
            self._record.enter(state.RUNNING)
            self._agent.receive()
            failed = False
        except BaseException as error:  # whatever ended the thread must show
            if not self._identity.abandoned.is_set():
                self._logger.exception("died")
                self._record.note_error(error)
        finally:
            self._finish(failed)
            signs.end()

    def _finish(self, failed: bool) -> None:
        if self._identity.abandoned.is_set():
            self._logger.info("the abandoned thread has ended")
            return
        self._agent.stopping.set()
        if failed and not self._stop_asked:  # seen at once, however long it takes to leave things safe
            self._record.enter(state.FAILED)
        # A shutdown() that hangs must show as an action that hangs does.
        self._record.action = state.SHUTTING_DOWN, time.monotonic()
        self._shut()
        self._record.action = None
        if self._identity.abandoned.is_set():
            return
        if not failed or self._stop_asked:  # otherwise it goes on telling that it failed, until its owner stops it
            self._receiver.stop()
            self._record.enter(state.STOPPED)
            if undone := len(self._inbox):
                self._logger.warning("stopped with %d messages undone", undone)

    def _shut(self) -> None:
        with self._lock:
            if self._is_shut:
                return
            self._is_shut = True
        try:
            self._agent.shutdown()
        except Exception as error:  # an agent must end whatever its shutdown() does
            self._logger.exception("shutdown() failed")
            self._record.note_error(error)
        end_s = time.monotonic() + _HELPERS_END_S
        for helper in self._helpers:
            if not helper.join(max(0.0, end_s - time.monotonic())):
                self._logger.error("helper %s does not end; it is left behind", helper)

    def _tick(self) -> None:
        record, limit_s = self._record, self._agent.slow_work_s
        slow = record.phase == state.STARTING and time.monotonic() - record.phase_began_s > limit_s
        if slow and not self._slow_work_told:
            self._slow_work_told = True
            self._logger.warning("work() has not returned after %g s; no message is dealt with", limit_s)
