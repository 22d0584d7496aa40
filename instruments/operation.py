"""The handle of something that takes time on an instrument."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

R = TypeVar("R")
Q = TypeVar("Q")


class OperationState(StrEnum):
    """Where an operation stands; it leaves RUNNING exactly once."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


class OperationAborted(Exception):
    """The operation was aborted; its text is the reason."""


class Operation(Generic[R]):
    """Follow a command that was accepted and now takes its time.

    The back end that made it ends it exactly once with :meth:`finish`, :meth:`fail`, :meth:`abort_with` or
    :meth:`lose`; later calls change nothing.

    :param device: name of the device
    :param command: what was asked of it
    :param eta_s: how long the device says it takes, in observatory seconds
    :param on_cancel: called once by :meth:`cancel`, to stop the hardware

    ``sent_monotonic_s`` is the reading of ``time.monotonic()`` right after the command's last byte was given to
    the socket; None for an operation that has no such moment.
    """

    def __init__(
        self, device: str, command: str, eta_s: float = 0.0, on_cancel: Callable[[], None] | None = None
    ) -> None:
        self.device, self.command, self.eta_s = device, command, eta_s
        self.progress = 0.0
        self.sent_monotonic_s: float | None = None
        self._on_cancel = on_cancel
        self._state = OperationState.RUNNING
        self._result: R | None = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._callbacks: list[Callable[[Operation[R]], None]] = []

    @property
    def state(self) -> OperationState:
        """Where the operation stands."""
        with self._lock:  # who sees it ended has its result without waiting
            return self._state

    @property
    def error(self) -> BaseException | None:
        """Why it did not end well, if it didn't."""
        return self._error

    def finish(self, result: R) -> None:
        """End it as done, with its result."""
        self._end(OperationState.DONE, result=result)

    def fail(self, error: BaseException) -> None:
        """End it as failed: the device said so."""
        self._end(OperationState.FAILED, error=error)

    def lose(self, error: BaseException) -> None:
        """End it as unknown: nobody can say what became of it."""
        self._end(OperationState.UNKNOWN, error=error)

    def abort_with(self, reason: str) -> None:
        """End it as aborted."""
        self._end(OperationState.ABORTED, error=OperationAborted(f"{self.device}: {self.command}: {reason}"))

    def cancel(self) -> None:
        """Stop the hardware; the operation ends as aborted when the device confirms."""
        if self._on_cancel is not None and self._state is OperationState.RUNNING:
            self._on_cancel()

    def wait(self, timeout_s: float | None = None) -> R:
        """Wait for the end and give the result.

        :param timeout_s: how many real seconds to wait at most
        :raises TimeoutError: if it still runs after that; it goes on
        :raises OperationAborted: if it was aborted
        :raises InstrumentError: if it failed, or if its outcome is unknown
        """
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"{self.device}: {self.command}: still running after {timeout_s} s; it goes on")
        if self._error is not None:
            raise self._error
        return cast("R", self._result)  # _end set it

    def add_done_callback(self, callback: Callable[[Operation[R]], None]) -> None:
        """Call ``callback(self)`` at the end, at once if it has ended."""
        with self._lock:
            if self._state is OperationState.RUNNING:
                self._callbacks.append(callback)
                return
        callback(self)

    def pass_on(self, to: Operation[Q], make: Callable[[R], Q]) -> None:
        """End another operation as this one ended.

        :param make: makes its result from this one's
        """
        if self._state is OperationState.DONE:
            to.finish(make(cast("R", self._result)))  # _end set it
        elif self._error is not None:
            to._end(self._state, error=self._error)

    def __await__(self) -> Generator[Any, None, R]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not ended.done():
                ended.set_result(None)

        def ended_elsewhere(_operation: Operation[R]) -> None:
            loop.call_soon_threadsafe(wake)

        self.add_done_callback(ended_elsewhere)
        yield from ended.__await__()
        return self.wait(0)

    def __repr__(self) -> str:
        return f"<Operation {self.device} {self.command}: {self._state} {self.progress:.0%}>"

    def _end(self, state: OperationState, result: R | None = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._state is not OperationState.RUNNING:
                return
            self._result, self._error, self._state = result, error, state
            if state is OperationState.DONE:
                self.progress = 1.0
            callbacks, self._callbacks = self._callbacks, []
            self._ended.set()
        for callback in callbacks:
            callback(self)
