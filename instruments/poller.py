"""Follow the operations of one device until each has ended."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.errors import InstrumentError, Timeout
from instruments.operation import Operation, OperationState

logger = logging.getLogger(__name__)

Status = Mapping[str, object]
# Looks at a status that was read after the command was accepted, and ends the operation if it is over.
Check = Callable[[Status], None]

_INTERVAL_S = (0.005, 0.25)
_GRACE_REAL_S = 3.0
_READ_REAL_S = 1.8  # a status that takes longer is asked for anew: what was asked may be lost
_LAST_READ_REAL_S = 0.5  # for the status after the deadline


@dataclass(frozen=True, slots=True)
class _Followed:
    operation: Operation[object]
    check: Check
    topic: str
    order: float
    start_s: float
    limit_real_s: float
    deadline_monotonic_s: float
    interval_s: float


class Poller:
    """Poll a device, in one thread that lives only while an operation runs.

    :param device: name of the device
    :param clock: tells how long an eta is in real seconds
    :param read: reads the device's status within a deadline in real seconds
    :param describe: gives the last known state in words
    """

    def __init__(self, device: str, clock: Clock, read: Callable[[float], Status], describe: Callable[[], str]) -> None:
        self._device, self._clock, self._read, self._describe = device, clock, read, describe
        self._lock = threading.Lock()
        self._followed: list[_Followed] = []
        self._held = 0
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def follow(self, operation: Operation[object], check: Check, topic: str, order: float) -> None:
        """Follow an operation; an older one of the same topic ends as replaced.

        :param check: ends the operation when the status says so
        :param topic: what of the device moves, e.g. ``mount``
        :param order: monotonic time at which the command was sent; of two commands the later one counts
        """
        interval_s = operation.eta_s / self._clock.speed / 10
        limit_s = (operation.eta_s * 1.5 + 10) / self._clock.speed + _GRACE_REAL_S
        new = _Followed(
            operation,
            check,
            topic,
            order,
            self._clock.unix_s(),
            limit_s,
            time.monotonic() + limit_s,
            min(max(interval_s, _INTERVAL_S[0]), _INTERVAL_S[1]),
        )
        replaced: list[tuple[_Followed, str]] = []
        with self._lock:
            if any(f.topic == topic and f.order > order for f in self._followed):
                replaced.append((new, "a later command"))
            else:
                old = [f for f in self._followed if f.topic == topic]
                replaced.extend((f, operation.command) for f in old)
                self._followed = [f for f in self._followed if f.topic != topic] + [new]
                self._wake.set()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=f"pyros-poll-{self._device}", daemon=True)
                    self._thread.start()
        for followed, by in replaced:
            followed.operation.abort_with(f"replaced by {by}")

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        """Judge no status while a command is on its way.

        What the device does by that command must not be taken for somebody else's doing.
        """
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1

    def end_all(
        self, end: Callable[[Operation[object]], None], topic: str | None = None, before: float = math.inf
    ) -> None:
        """End what runs, all of it or one topic's, with ``end(operation)``.

        :param before: spare what was commanded later than this
        """
        with self._lock:
            ended = [f for f in self._followed if topic in (None, f.topic) and f.order <= before]
            self._followed = [f for f in self._followed if f not in ended]
            self._wake.set()
        for followed in ended:
            end(followed.operation)

    def join(self) -> None:
        """Wait for the thread to end; it does so when nothing runs."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(3)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._followed = [f for f in self._followed if f.operation.state is OperationState.RUNNING]
                if not self._followed:
                    self._thread = None
                    return
                followed = list(self._followed)
                self._wake.clear()
            # The list was taken before the status is read: what is checked was commanded before.
            self._poll(followed)
            if any(f.operation.state is OperationState.RUNNING for f in followed):
                self._wake.wait(min(f.interval_s for f in followed))

    def _poll(self, followed: list[_Followed]) -> None:
        asked = time.monotonic()
        left_s = min(f.deadline_monotonic_s - asked for f in followed)
        try:
            status = self._read(min(max(left_s, _LAST_READ_REAL_S), _READ_REAL_S))
            for one in followed:
                # In this order: a command that is over by now has ended what it ended.
                if not self._held and one.operation.state is OperationState.RUNNING:
                    passed_s = self._clock.unix_s() - one.start_s
                    one.operation.progress = min(passed_s / max(one.operation.eta_s, 1e-3), 0.99)
                    one.check(status)
        except Timeout:
            logger.debug("%s: no status; asked again until the deadline", self._device)
        except InstrumentError as error:
            for one in followed:
                one.operation.lose(error)
        except Exception as error:
            # A bug in a check must end the operation, not leave it running without anybody who follows it.
            logger.exception("%s: following %s failed", self._device, followed[0].operation.command)
            for one in followed:
                one.operation.lose(error)
        # Only now: a process that stood still finds the deadline passed, and the device long done.
        for one in followed:
            overdue = asked > one.deadline_monotonic_s and not self._held
            if overdue and one.operation.state is OperationState.RUNNING:
                what = f"did not end within {one.limit_real_s:.1f} s of real time, announced were "
                what += f"{one.operation.eta_s:.0f} s by the observatory's clock; its outcome is unknown"
                one.operation.lose(Timeout(self._device, one.operation.command, what, self._describe()))
