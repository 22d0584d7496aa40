"""What every task has in common: a claim before it runs, a true end, a policy for when its worker dies."""
# pyright: reportUntypedBaseClass=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import os
from typing import Any, ClassVar

import celery
from celery.exceptions import Ignore
from celery.signals import task_postrun, worker_process_init

from pyros_kernel.cancellation import Cancellation
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks import ledger
from pyros_kernel.tasks.abort import STOPPED, TaskAborted, Watch
from pyros_kernel.tasks.queue_lock import QueueLock

_BUSY_REAL_S = 10.0
_AGAIN_REAL_S = 2.0

_watch: Watch | None = None
_held: list[QueueLock] = []


class PyrosTask(celery.Task):
    """A task that is written down, claimed before it runs, and REVOKED only when it has ended.

    :cvar goes_to: the queue where it waits; one worker serves a queue
    :cvar rerun: whether it may run again after its worker died in it: it leaves no trace, or finds its own
    :cvar gentle: whether it looks at :attr:`cancellation`; otherwise it is ended by an exception
    :cvar put_right: called with the task's arguments, elsewhere, when its worker died and it won't run again
    :cvar grace_s: real seconds it has to leave things safe once told to end; then its process is killed
    """

    abstract = True
    goes_to: ClassVar[str] = "default_q"
    rerun: ClassVar[bool] = False
    gentle: ClassVar[bool] = False
    put_right: ClassVar[Any] = None
    grace_s: ClassVar[float] = 5.0

    def __init__(self) -> None:
        self.cancellation = Cancellation()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it: in a worker with a claim; called like a function, just so."""
        if self.request.called_directly or _watch is None:
            return self.run(*args, **kwargs)
        uuid = str(self.request.id)
        lock = QueueLock(f"queue:{self.request.delivery_info.get('routing_key') or self.goes_to}")
        if not patiently(f"the turn of task {uuid}", lambda: lock.acquire(_BUSY_REAL_S)):
            raise self.retry(countdown=_AGAIN_REAL_S, max_retries=None)
        _held.append(lock)  # until the result is written: see _let_go
        if why_not := self._claim(uuid):
            raise Ignore(why_not)
        self.cancellation, result = Cancellation(), None
        try:
            try:
                _watch.begin(uuid, self.grace_s, self.cancellation if self.gentle else None)
                result = self.run(*args, **kwargs)
            finally:
                _watch.end()
        except TaskAborted as aborted:
            self._ended(uuid, str(aborted))
        except Exception:
            if not _watch.reason:
                raise
            self._ended(uuid, _watch.reason)
        if self.gentle and _watch.reason:
            self._ended(uuid, _watch.reason, result)
        return result

    def _claim(self, uuid: str) -> str:
        holder, tried = ledger.holder(os.getpid()), False

        def claim() -> str:
            nonlocal tried
            again, tried = tried, True
            return ledger.claim(uuid, self.request.retries or 0, holder, rerun=self.rerun, again=again)

        return patiently(f"the claim of task {uuid}", claim)

    def _ended(self, uuid: str, reason: str, result: Any = None) -> None:
        """Write that a task that was told to end has ended.

        :raises Ignore: always, as there is no more to be done
        """
        if reason == STOPPED and self.rerun:
            patiently(f"the return of task {uuid}", lambda: ledger.give_back(uuid))
        else:
            patiently(f"the end of task {uuid}", lambda: ledger.end(uuid, "REVOKED", result=result, reason=reason))
            row = ledger.read(uuid)
            self.backend.end_what_follows({} if row is None else row.message, reason)
        raise Ignore(reason)


@worker_process_init.connect
def _begin_watch(**_: Any) -> None:
    global _watch
    _watch = Watch()


@task_postrun.connect
def _let_go(**_: Any) -> None:
    while _held:
        _held.pop().release()
