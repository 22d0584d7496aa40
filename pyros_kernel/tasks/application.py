"""The Celery application: its settings, and what it does by the table of tasks instead of by the broker."""
# pyright: reportUntypedBaseClass=false, reportIncompatibleVariableOverride=false
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import logging
import os
from typing import Any, cast
from uuid import uuid4

from celery import Celery
from celery.app.control import Control
from kombu import pools
from kombu.exceptions import KombuError
from sqlalchemy.exc import DBAPIError

from pyros_kernel.settings import Settings
from pyros_kernel.tasks import file_transport, ledger, place
from pyros_kernel.tasks.sending import DEFAULT_QUEUE, Amqp

logger = logging.getLogger(__name__)

_DAY_S = 86_400
_PUBLISH_RETRY = {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5}
_OPTIONS: dict[str, dict[str, Any]] = {
    file_transport.SCHEME: {},
    # Longer than any task waits: Redis gives what is not acknowledged by then to somebody else.
    "redis": {"visibility_timeout": _DAY_S, "socket_keepalive": True, "socket_timeout": 5.0},
    "amqp": {"confirm_publish": True},
}


class _Control(Control):
    def revoke(
        self,
        task_id: str | list[str],
        destination: Any = None,
        terminate: bool = False,
        signal: Any = None,
        **kwargs: Any,
    ) -> dict[str, ledger.Revoked]:
        """Revoke tasks in the table, which every worker asks before it runs one and while it does.

        :param terminate: end it even if it runs
        :return: uuid → what came of it
        """
        reason = str(kwargs.get("reason") or "revoked")
        outcomes: dict[str, ledger.Revoked] = {}
        for each in [task_id] if isinstance(task_id, str) else task_id:
            outcomes[each], message = ledger.revoke(each, reason, terminate=terminate)
            if outcomes[each] is ledger.Revoked.NEVER:
                cast("Any", self.app.backend).end_what_follows(message, reason)
            logger.info("task %s: %s", each, outcomes[each].value)
        return outcomes


class PyrosCelery(Celery):
    """Celery, with a table that is the truth and a broker that only carries."""

    amqp_cls = Amqp
    control_cls = _Control
    backend_cls = "pyros_kernel.tasks.results:StoreBackend"
    task_cls = "pyros_kernel.tasks.task:PyrosTask"

    def send_task(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Write a task down and give it to the broker; if that is away, it gets the task when it is back.

        :raises StoreError: if the task could not be written down; then it is not sent
        :raises sqlalchemy.exc.DBAPIError: the same, while a store that was there is away, or its disk is full
        """
        task_id = kwargs["task_id"] = kwargs.get("task_id") or uuid4().hex
        try:
            return super().send_task(name, *args, **kwargs)
        except (KombuError, OSError) as error:
            if ledger.read(task_id) is None:
                raise
            try:
                ledger.note_published(task_id, taken=False)
            except DBAPIError as full:  # then whoever looks after the table finds a queue that does nothing for it
                logger.warning("that task %s was not taken by the broker can't be noted: %s", task_id, full.orig)
            logger.warning("task %s is written down, and sent when the broker is back: %s", name, error)
            return (kwargs.get("result_cls") or self.AsyncResult)(task_id)

    def publish_again(self, uuid: str) -> bool:
        """Give a task's message to the broker once more: duplicates are found at the claim.

        :return: whether the broker took it
        """
        row = ledger.read(uuid)
        if row is None or row.state not in ledger.WAITING or not row.message:
            return False
        message = row.message
        try:
            with self.producer_pool.acquire(block=True, timeout=5) as producer:
                producer.publish(
                    message["body"],
                    exchange="",
                    routing_key=row.queue,
                    headers=message["headers"],
                    serializer="json",
                    correlation_id=uuid,
                    declare=[self.amqp.queues[row.queue]],
                    retry=False,
                )
        except (KombuError, OSError) as error:
            logger.warning("task %s %s could not be sent again: %s", row.name, uuid, error)
            return False
        ledger.note_published(uuid)
        logger.warning("task %s %s was sent again", row.name, uuid)
        return True

    def bury(self, uuid: str, why: str) -> bool:
        """Decide about a task whose worker died, and put right what it left in the store.

        :return: whether it is to be published again
        """
        row = ledger.read(uuid)
        if row is None:
            return False
        task = self.tasks.get(row.name)
        state = ledger.bury(uuid, rerun=bool(getattr(task, "rerun", False)), why=why)
        if state is None:
            return False
        logger.warning("task %s %s: %s (%s)", row.name, uuid, why, row.worker)
        if state in ledger.WAITING:
            return True
        if (put_right := getattr(task, "put_right", None)) is not None:
            arguments, named, _ = row.message["body"]
            put_right(*arguments, **named)
        cast("Any", self.backend).end_what_follows(row.message, f"{row.name} before it was lost: {why}")
        return False

    def use(self, settings: Settings | None) -> None:
        """Work for an observatory: its store, its data directory, its broker.

        :param settings: those of the environment if None
        """
        self.let_go()
        place.set_settings(settings)
        self.conf.update(broker_url=place.broker_url(), broker_transport_options=_OPTIONS.get(place.scheme(), {}))

    def let_go(self) -> None:
        """Close connections to broker and store; they open again when needed."""
        mine = [self.amqp._producer_pool, self._pool]  # pyright: ignore[reportPrivateUsage]
        self.amqp._producer_pool = self._pool = None  # pyright: ignore[reportPrivateUsage]
        for pool in filter(None, mine):
            pool.force_close_all()
        for group in (pools.producers, pools.connections):  # kombu keeps pools for ever, even closed ones
            for key, pool in list(group.items()):
                if any(pool is each for each in mine):
                    dict.pop(group, key)
        for made in ("queues", "router", "send_task_message"):  # each holds the queues of the broker before
            self.amqp.__dict__.pop(made, None)
        place.close()


def _route(name: str, *_: Any, task: Any = None, **__: Any) -> dict[str, str]:
    """Send a task to the queue of its kind."""
    return {"queue": getattr(task or app.tasks.get(name), "goes_to", DEFAULT_QUEUE)}


app = PyrosCelery("pyros")
app.conf.update(
    broker_url=place.broker_url(),
    broker_transport_options=_OPTIONS.get(place.scheme(), {}),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=4,
    imports=[
        "pyros_kernel.tasks.kinds",
        "pyros_kernel.tasks.stages",
        "pyros_kernel.upper_tasks",
        *filter(None, os.environ.get("PYROS_TASKS", "").split(",")),
    ],
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    result_expires=None,
    result_chord_retry_interval=0.3,
    task_store_errors_even_if_ignored=True,  # retries too: a row that went on saying "it runs" would be taken for lost
    task_default_queue=DEFAULT_QUEUE,
    task_routes=(_route,),
    task_acks_late=False,  # a message is done with once its task is claimed; the table does the rest
    task_publish_retry_policy=_PUBLISH_RETRY,
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    worker_lost_wait=1,
    worker_proc_alive_timeout=60,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
)


@app.on_after_finalize.connect
def _may_look_again(sender: Celery, **_: Any) -> None:  # pyright: ignore[reportUnusedFunction]
    """Let what waits for the parallel parts of a chain run again after its worker died: it only looks."""
    sender.tasks["celery.chord_unlock"].rerun = True
