"""The broker that needs no server: a kombu transport over a directory (see :mod:`pyros_kernel.tasks.spool`).

kombu's own ``filesystem://`` loses messages (kombu issue 1551) and forgets those whose taker died; this one
renames, and gives back.  The base classes are kombu's virtual transport, whose underscored methods are meant to
be written by a transport.
"""
# pyright: reportUntypedBaseClass=false, reportIncompatibleVariableOverride=false
# pyright: reportIncompatibleMethodOverride=false, reportOptionalIterable=false, reportOptionalMemberAccess=false

from __future__ import annotations

import hashlib
import json
import time
import weakref
from pathlib import Path
from queue import Empty
from typing import Any, cast
from urllib.parse import quote

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.virtual import Channel as VirtualChannel
from kombu.transport.virtual import QoS as VirtualQoS
from kombu.transport.virtual import Transport as VirtualTransport

from pyros_kernel.tasks.inotify import Arrivals
from pyros_kernel.tasks.spool import Spool

SCHEME = "pyros"
TRANSPORT_ALIASES[SCHEME] = "pyros_kernel.tasks.file_transport:Transport"

_LOOK_REAL_S = 2.0  # arrivals are told at once; this finds what a network file system doesn't tell
_RECOVER_REAL_S = 10.0  # who starts looks at once; a message that waits longer is sent again by its task's row

_open: weakref.WeakSet[Transport] = weakref.WeakSet()


def give_all_back() -> None:
    """Put back what this process took and has not begun: it is about to end."""
    for transport in list(_open):
        transport.spool.close()


class QoS(VirtualQoS):
    """Acknowledge by removing the file; may be called by any thread."""

    def ack(self, delivery_tag: str) -> None:
        """Forget the message."""
        self.channel.settle(delivery_tag, give_back=False)
        super().ack(delivery_tag)
        self.channel.connection.wake()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Forget the message, or put it back."""
        self.channel.settle(delivery_tag, give_back=requeue)
        super().ack(delivery_tag)
        self.channel.connection.wake()


class Channel(VirtualChannel):
    """A channel whose queues are directories."""

    QoS = QoS
    supports_fanout = True

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._spool = connection.spool
        self._files: dict[str, Path] = {}
        self._unkept: set[str] = set()

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> None:
        """Consume from a queue."""
        if no_ack:
            self._unkept.add(queue)
        super().basic_consume(queue, no_ack, *args, **kwargs)
        self.connection.arrivals.watch([self._spool.directory(queue)])

    def queues(self) -> list[str]:
        """Name the queues that are consumed from."""
        return list(self._active_queues)

    def settle(self, delivery_tag: str, *, give_back: bool) -> None:
        """End a message's stay among the taken ones."""
        taken = self._files.pop(delivery_tag, None)
        if taken is not None:
            (self._spool.give_back if give_back else self._spool.done)(taken)

    def get_table(self, exchange: str) -> list[list[str]]:
        """Read the bindings of an exchange; those of dead processes are removed."""
        table: list[list[str]] = []
        for path in self._exchange(exchange).glob("*.json"):
            try:
                binding = cast("list[str]", json.loads(path.read_bytes()))
            except (FileNotFoundError, ValueError):
                continue  # it is being removed
            if self._spool.abandoned(binding[2]):
                path.unlink(missing_ok=True)
                self._spool.remove(binding[2])
            else:
                table.append(binding)
        return table

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        directory = self._exchange(exchange)
        directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps([routing_key, pattern or "", queue])
        path = directory / f"{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}.json"
        part = self._spool.root / "new" / f"{id(self)}-{path.name}"
        part.write_text(text, encoding="utf-8")
        part.rename(path)

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        self._spool.directory(queue)
        if kwargs.get("auto_delete"):
            self._spool.own(queue)

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str | None, *_: Any, **__: Any) -> None:
        text = json.dumps([routing_key, pattern or "", queue])
        (self._exchange(exchange) / f"{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}.json").unlink(
            missing_ok=True
        )
        self._spool.remove(queue)
        self.connection.forget(self._spool.root / "queues" / quote(queue, safe=""))

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        self._spool.put(queue, message)

    def _put_fanout(self, exchange: str, message: dict[str, Any], routing_key: str, **_: Any) -> None:
        for _key, _pattern, queue in self.get_table(exchange):
            self._spool.put(queue, message)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        found = self._spool.take(queue, keep=queue not in self._unkept)
        if found is None:
            raise Empty
        message, taken = found
        if taken is not None:
            self._files[message["properties"]["delivery_tag"]] = taken
        return message

    def _restore(self, message: Any) -> None:
        self.settle(message.delivery_tag, give_back=True)

    def _size(self, queue: str) -> int:
        return self._spool.size(queue)

    def _purge(self, queue: str) -> int:
        return self._spool.purge(queue)

    def _exchange(self, exchange: str) -> Path:
        return self._spool.root / "exchanges" / quote(exchange, safe="")


class Transport(VirtualTransport):
    """The way to the directory that the URL names: ``pyros:///path/of/it``."""

    Channel = Channel
    driver_type = driver_name = SCHEME
    implements = VirtualTransport.implements.extend(exchange_type=frozenset(["direct", "topic", "fanout"]))
    # What a full or missing disk says is worth trying again.
    connection_errors = channel_errors = (OSError,)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        self._arrivals: Arrivals | None = None
        self._recovered_s = 0.0
        self.spool = Spool(Path("/") / str(client.virtual_host))
        super().__init__(client, **kwargs)
        _open.add(self)

    @property
    def arrivals(self) -> Arrivals:
        """What tells that a message came."""
        if self._arrivals is None:
            self._arrivals = Arrivals()
        return self._arrivals

    def wake(self) -> None:
        """Look again: a message may be fetched now."""
        if self._arrivals is not None:
            self._arrivals.wake()

    def forget(self, directory: Path) -> None:
        """Count a queue's directory as gone."""
        if self._arrivals is not None:
            self._arrivals.forget(directory)

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Hand over one message, waiting for it.

        :raises TimeoutError: if none came in time
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if time.monotonic() - self._recovered_s > _RECOVER_REAL_S:
                self._recovered_s = time.monotonic()
                self.spool.give_back_of_the_dead()
                self.arrivals.watch(self.spool.directory(q) for c in self.channels for q in c.queues())
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = _LOOK_REAL_S if deadline is None else min(_LOOK_REAL_S, deadline - time.monotonic())
                came = left > 0 and self.arrivals.wait(left)
                if not came and deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError from None  # whoever asks again looks anew
            else:
                return

    def close_connection(self, connection: Any) -> None:
        """Give back what was taken, and the files that were open."""
        super().close_connection(connection)
        self.spool.close()
        if self._arrivals is not None:
            self._arrivals.close()
            self._arrivals = None
