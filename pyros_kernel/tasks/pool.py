"""The pool of a worker that waits: billiard looks at its process and its results each second, this one when it must."""

# pyright: reportUntypedBaseClass=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billiard.connection import wait
from billiard.pool import RUN, Pool
from celery.concurrency.prefork import TaskPool

_AT_REST_REAL_S = 5.0


class _Pool(Pool):
    """Wait without a task until something happens; with one, look as often as ever."""

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

    @property
    def _rests(self) -> bool:
        return self._state == RUN and not self._cache


class RestingPool(TaskPool):
    """Celery's pool of processes, which costs less while there is nothing to do."""

    BlockingPool = _Pool
