"""What is sent: to a queue of its own kind, and written into the table of tasks before its message goes out."""
# pyright: reportUntypedBaseClass=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery.app.amqp import AMQP, Queues
from kombu.entity import Exchange, Queue
from kombu.exceptions import EncodeError
from kombu.utils.json import dumps

from pyros_kernel.tasks import ledger, place

DEFAULT_QUEUE = "default_q"


class _Queues(Queues):
    """Every queue is one of its own, with an exchange of its own, and one consumer at a time where a broker can."""

    def new_missing(self, name: str) -> Queue:
        # What RabbitMQ promises by this the other brokers don't; the lock of a queue promises it for all.
        arguments = {"x-single-active-consumer": True} if place.scheme() == "amqp" else None
        return Queue(name, Exchange(name), name, queue_arguments=arguments)


class Amqp(AMQP):
    """Celery's way to a broker, by way of the table."""

    queues_cls = _Queues

    def _create_task_sender(self) -> Callable[..., Any]:
        """Write each task down before its message goes out.

        Not by the signal that Celery sends then: it swallows what goes wrong, and sends what nobody will run.
        """
        send = super()._create_task_sender()

        def send_what_is_written_down(producer: Any, name: str, message: Any, **options: Any) -> Any:
            headers, _properties, body, _event = message
            queue = options.get("queue") or self.default_queue
            _note(name, getattr(queue, "name", queue), {**headers, **(options.get("headers") or {})}, body)
            return send(producer, name, message, **options)

        return send_what_is_written_down


def _note(name: str, queue: str, headers: dict[str, Any], body: Any) -> None:
    """Write a task down before its message goes out."""
    try:
        message = json.loads(dumps({"headers": headers, "body": body}))
    except TypeError as error:
        raise EncodeError(f"task {name}: {error}; give it what JSON can say") from error
    shown = ", ".join(x for x in (headers["argsrepr"][1:-1].rstrip(","), _shown(body[1])) if x)
    ledger.note_sent(
        ledger.Sent(
            uuid=headers["id"],
            name=name,
            queue=queue,
            arguments=shown[:500],
            retries=int(headers.get("retries") or 0),
            due=datetime.fromisoformat(headers["eta"]) if headers.get("eta") else ledger.now(),
            message=message,
        )
    )


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())
