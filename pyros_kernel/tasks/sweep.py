"""Looking after the table of tasks: what died is found, what got lost on the way is sent again.

The lock of a queue is held from before a task is claimed until its result is written.  So whoever gets that lock
and finds a row that says "it runs" has found a task whose worker died; no heartbeat, and no clock of another
machine, is needed for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pyros_kernel.store import Task
from pyros_kernel.tasks import ledger
from pyros_kernel.tasks.application import PyrosCelery
from pyros_kernel.tasks.queue_lock import QueueLock, is_free

PAUSE_REAL_S = 3.0  # a task whose worker died is found within 10 s, whatever else is looked after
_QUIET_S = 5.0  # a queue that does nothing for so long although a task is due has lost its message
_AT_ONCE = 100


def sweep(app: PyrosCelery) -> None:
    """Look once."""
    rows = ledger.choose(*ledger.RUNNING, *ledger.WAITING, limit=5000)
    now = ledger.now()
    for queue in {row.queue for row in rows if row.queue}:
        here = [row for row in rows if row.queue == queue]
        lock = QueueLock(f"queue:{queue}")
        if not lock.acquire():
            continue  # somebody works there
        try:
            again = [row.uuid for row in here if row.state in ledger.RUNNING and app.bury(row.uuid, "its worker died")]
        finally:
            lock.release()
        again += [row.uuid for row in _overdue(here, now)]
        if again and not is_free(f"worker:{queue}"):
            for uuid in again[:_AT_ONCE]:
                app.publish_again(uuid)


class PeriodicTasks:
    """The periodic tasks of some queues, sent when they are due."""

    def __init__(self, app: PyrosCelery, queues: Iterable[str]) -> None:
        self._tasks = [
            task for task in app.tasks.values() if getattr(task, "every_s", 0.0) and task.goes_to in set(queues)
        ]
        self._sent: dict[str, datetime] = {}  # as the table has it

    def send(self) -> None:
        """Send those that are due, unless one still waits or runs."""
        for task in self._tasks:
            due = timedelta(seconds=task.every_s)
            if task.name in self._sent and ledger.now() - self._sent[task.name] < due:
                continue
            last = _last(task.name)
            if last is not None:
                self._sent[task.name] = last.sent
                if last.state not in ledger.FINAL or ledger.now() - last.sent < due:
                    continue
            task.apply_async(expires=task.every_s)


def _last(name: str) -> Task | None:
    def of_this_name(query: Any) -> Any:
        return query.where(Task.name == name)

    return next(iter(ledger.choose(also=of_this_name, limit=1)), None)


def _overdue(rows: list[Task], now: datetime) -> list[Task]:
    """Choose the tasks whose message seems to be lost: never taken by the broker, or due in a quiet queue."""
    quiet_since = now - timedelta(seconds=_QUIET_S)
    waiting = [row for row in rows if row.state in ledger.WAITING]
    unsent = [row for row in waiting if row.published is None]
    quiet = all((row.started or row.sent) < quiet_since for row in rows)
    lost = [
        row
        for row in waiting
        if quiet and row.due < quiet_since and row.published is not None and row.published < quiet_since
    ]
    return [*unsent, *lost]
