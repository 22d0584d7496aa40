"""Ending a task that runs: tell it, and if it doesn't end, end its process.

One watcher thread per pool process looks at the row of the task that runs.  A task that takes a cancellation is
told through it; any other gets :class:`TaskAborted` raised in it.  From then on a timer of the system runs, at
whose end the system kills the process, whatever the task is stuck in.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.cancellation import Cancellation
from pyros_kernel.store import StoreError
from pyros_kernel.tasks import ledger

logger = logging.getLogger(__name__)

# SIGUSR1 is Celery's, for soft time limits; the other usual ones get a handler of the pool's.
ABORT = signal.SIGRTMIN + 1
STOPPED = "the workers were stopped"
_LOOK_REAL_S = 0.1
_IDLE_REAL_S = 2.0
_KEPT_REAL_S = 10.0


_at_rest: set[Callable[[], None]] = set()


def at_rest(let_go: Callable[[], None]) -> None:
    """Have something called, while no task runs, whenever none came to this process for some seconds."""
    _at_rest.add(let_go)


class TaskAborted(BaseException):
    """The task was told to end.

    Like KeyboardInterrupt it is no Exception, so that no task takes it for an error of its own work.
    """


class Watch:
    """Watch over the tasks of this process, one after the other; make it in the main thread."""

    def __init__(self) -> None:
        self._idle_since_s: float | None = None  # None: nothing to let go of
        self._parent = os.getppid()
        self._main = threading.main_thread().ident or 0
        self._guard = threading.Lock()
        self._running: tuple[str, float, Cancellation | None] | None = None
        self._began = threading.Event()
        self.reason = ""
        self._terminate = signal.getsignal(signal.SIGTERM)
        signal.signal(ABORT, self._on_signal)
        threading.Thread(target=self._watch, name="pyros-watch", daemon=True).start()

    def begin(self, uuid: str, grace_s: float, cancellation: Cancellation | None) -> None:
        """A task begins.

        :param grace_s: real seconds it has to end once told
        :param cancellation: by which it is told; without one, by an exception
        """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the pool would turn it into an exception
        # At a hard time limit the pool's own handler would write to the pool, be killed while it holds the pool's
        # lock, and leave the next process waiting for that lock for ever: a task's process ends at once instead.
        self._terminate = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with self._guard:
            self.reason, self._running = "", (uuid, grace_s, cancellation)
        self._began.set()

    def end(self) -> None:
        """It has ended."""
        self._began.clear()
        with self._guard:
            self._running, self._idle_since_s = None, time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, self._terminate)

    def abort(self, reason: str) -> None:
        """Tell what runs to end; once is enough."""
        with self._guard:
            if self._running is None or self.reason:
                return
            self.reason = reason or "revoked"
            uuid, grace_s, cancellation = self._running
        logger.warning("task %s is to end within %.0f s: %s", uuid, grace_s, self.reason)
        signal.setitimer(signal.ITIMER_REAL, grace_s)  # SIGALRM at its default: the system ends the process
        if cancellation is not None:
            cancellation.set(self.reason)
        else:
            signal.pthread_kill(self._main, ABORT)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        running = self._running
        if running is None:
            return
        if not self.reason:  # it came from outside: the workers are stopped, or the main process died
            # In a thread: the main thread may be inside the guard.
            threading.Thread(target=self.abort, args=(STOPPED,), name="pyros-abort", daemon=True).start()
        elif running[2] is None:
            raise TaskAborted(self.reason)

    def _watch(self) -> None:
        while True:
            self._began.wait(_IDLE_REAL_S)
            if os.getppid() != self._parent:
                self.abort("the worker's main process died")
                if self._running is None:
                    os._exit(1)
            running = self._running
            if running is None:
                self._rest()
                continue
            try:
                wish = ledger.wish_to_end(running[0])
            except (SQLAlchemyError, StoreError) as error:
                logger.warning("can't see whether task %s was revoked: %s", running[0], error)
                wish = None
            if wish is not None and running is self._running:
                self.abort(wish)
            threading.Event().wait(_LOOK_REAL_S)

    def _rest(self) -> None:
        """Let go of what only tasks need, once none came for a while; one that comes now waits for that."""
        with self._guard:
            since_s = self._idle_since_s
            if self._running is not None or since_s is None or time.monotonic() - since_s < _KEPT_REAL_S:
                return
            self._idle_since_s = None
            for let_go in list(_at_rest):
                try:
                    let_go()
                except Exception:  # the watch goes on
                    logger.exception("letting go of what tasks used failed")
