"""The pool of a worker that has one process: cheap while that waits, and whole again when it died waiting.

billiard looks at its process and its results each second, this one when it must.  And a process that waits for a
task holds the lock of the queue of tasks, which billiard leaves locked for ever if it is killed.
"""

# pyright: reportUntypedBaseClass=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billiard.connection import wait
from billiard.pool import RUN, Pool
from celery.concurrency.prefork import TaskPool

_AT_REST_REAL_S = 5.0


class _Pool(Pool):
    def _maintain_pool(self) -> None:
        super()._maintain_pool()
        if self._rests:
            wait([child.sentinel for child in self._pool], _AT_REST_REAL_S)  # a process that ends ends this

    def _setup_queues(self) -> None:
        super()._setup_queues()
        look: Callable[[float], Any] = self._poll_result

        def look_longer_at_rest(timeout: float) -> Any:
            return look(_AT_REST_REAL_S if timeout and self._rests else timeout)

        self._poll_result = look_longer_at_rest

    def _join_exited_workers(self, shutdown: bool = False) -> list[int]:
        ended: list[int] = super()._join_exited_workers(shutdown)
        if ended and not self._pool:
            for held in (self._inqueue._rlock, self._outqueue._wlock):
                held.acquire(block=False)  # by the dead, or now by this: nobody else is there
                held.release()
        return ended

    @property
    def _rests(self) -> bool:
        return self._state == RUN and not self._cache


class RestingPool(TaskPool):
    """Celery's pool of processes, for one."""

    BlockingPool = _Pool
