"""Celery's result backend over the store's table of tasks: the same for every broker."""
# pyright: reportUntypedBaseClass=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as NotInTime

from pyros_kernel.store.patience import AWAY, patiently
from pyros_kernel.tasks import ledger

logger = logging.getLogger(__name__)

_FIRST_LOOK_REAL_S, _LAST_LOOK_REAL_S = 0.002, 0.05


class TaskLost(Exception):
    """The worker of a task died while it ran, and it is not of a kind that may simply run again."""


class StoreBackend(BaseBackend):
    """Read and write results in the store's table of tasks."""

    def mark_as_done(
        self, task_id: str, result: Any, request: Any = None, store_result: bool = True, state: str = states.SUCCESS
    ) -> None:
        """Note that a task succeeded, even if nobody asks for its result: the table must not say that it runs."""
        super().mark_as_done(task_id, result, request, store_result=True, state=state)

    def mark_as_revoked(
        self, task_id: str, reason: str = "", request: Any = None, store_result: bool = True, state: str = "REVOKED"
    ) -> None:
        """Note that a worker revoked a task; one that runs is REVOKED only when it has ended."""
        done, message = ledger.revoke(task_id, reason, terminate=True)
        if done is ledger.Revoked.NEVER:
            self.end_what_follows(message, reason)

    def end_what_follows(self, message: dict[str, Any], reason: str) -> None:
        """Revoke the rest of the chain that a revoked task was part of: nobody will send it."""
        embedded = (message.get("body") or [None, None, {}])[2] or {}
        self._fail_chain(embedded.get("chain"), TaskRevokedError(reason), state=states.REVOKED)

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_interval: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """Wait for a task's end: looking often at first, then less often.

        :raises celery.exceptions.TimeoutError: if it did not end in time
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause_s = _FIRST_LOOK_REAL_S
        while True:
            meta = self.get_task_meta(task_id)
            if meta["status"] in states.READY_STATES:
                return meta
            if on_interval:
                on_interval()
            left_s = pause_s if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                raise NotInTime(f"task {task_id} is {meta['status']} after {timeout:g} s")
            time.sleep(min(pause_s, left_s))
            pause_s = min(1.3 * pause_s, _LAST_LOOK_REAL_S)

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **_: Any
    ) -> None:
        if state == states.STARTED:
            return  # the claim has said so
        kept = json.loads(self.encode(result))
        reason = ""
        if state in states.EXCEPTION_STATES and isinstance(kept, dict):
            if kept.get("exc_type") == WorkerLostError.__name__:
                self._bury(task_id)
                return
            reason = f"{kept['exc_type']}: {', '.join(map(str, kept['exc_message']))}"
        known = state in {"PROGRESS", states.RETRY, *states.READY_STATES}
        if not known:  # a word of the task's own is a kind of progress
            kept, state = {"state": state, "info": kept}, "PROGRESS"
        if state == "PROGRESS":
            try:
                ledger.end(task_id, state, result=kept)
            except AWAY as error:  # the work goes on, whoever looks
                logger.warning("the progress of task %s is not seen: %s", task_id, error)
            return
        text = str(traceback or "")
        patiently(
            f"the end of task {task_id}",
            lambda: ledger.end(task_id, state, result=kept, traceback=text, reason=reason),
        )

    def _bury(self, task_id: str) -> None:
        """Decide about a task whose pool process died, without waiting for somebody to find it."""
        if self.app.bury(task_id, "its worker's process died"):
            self.app.publish_again(task_id)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        row = ledger.read(task_id)
        if row is None:
            return {"task_id": task_id, "status": states.PENDING, "result": None, "traceback": None}
        status, result = row.state, self.decode(json.dumps(row.result))
        if status == "PROGRESS":
            result = row.progress
            if set(result) == {"state", "info"}:
                status, result = str(result["state"]), result["info"]
        elif status == states.STARTED:
            result = {"worker": row.worker}
        elif status == "LOST":
            status, result = states.FAILURE, self.prepare_exception(TaskLost(f"{row.name}: {row.reason}"))
        elif status == states.REVOKED:
            result = self.prepare_exception(TaskRevokedError(row.reason))
        return self.meta_from_decoded(
            {
                "task_id": task_id,
                "status": status,
                "result": result,
                "traceback": row.traceback or None,
                "date_done": row.ended,
                "name": row.name,
            }
        )

    def _forget(self, task_id: str) -> None:
        """Keep it: the table is the record of what was done."""
