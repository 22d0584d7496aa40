"""Send a message to an agent, and learn whether it arrived."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import zmq

from pyros_kernel.agents.config import Address, AgentConfig, current
from pyros_kernel.agents.errors import NotDelivered, Refused
from pyros_kernel.agents.identity import sender_name
from pyros_kernel.agents.message import BadMessage, Message, Reply, new_id
from pyros_kernel.agents.transport import dial

_SLICE_S = 0.05  # how late a broken connection is noticed
_KEPT = 4  # idle connections kept per address


class _Pool:
    """Connections that wait for their next use; ZeroMQ sockets may change threads, but not be shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Address, list[zmq.Socket[Any]]] = {}
        self._era = 0
        self._pid = os.getpid()

    def borrow(self, address: Address) -> tuple[zmq.Socket[Any], int]:
        with self._lock:
            if self._pid != os.getpid():  # forked: the parent's connections are the parent's
                self._idle, self._pid = {}, os.getpid()
            era, idle = self._era, self._idle.get(address, [])
            stale: list[zmq.Socket[Any]] = []
            found = None
            while idle and found is None:
                candidate = idle.pop()
                if candidate.getsockopt(zmq.EVENTS) == zmq.POLLOUT:  # connected, and no late answer in it
                    found = candidate
                else:
                    stale.append(candidate)
        for connection in stale:
            connection.close()
        return found or dial(address), era

    def give_back(self, address: Address, connection: zmq.Socket[Any], era: int) -> None:
        with self._lock:
            idle = self._idle.setdefault(address, [])
            if era == self._era and len(idle) < _KEPT:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
            self._era += 1
        for connections in idle.values():
            for connection in connections:
                connection.close()


_pool = _Pool()


def exchange(address: Address, message: Message, timeout_s: float) -> Reply:
    """Give a message to whoever listens at an address, and return the answer.

    A connection that breaks is made again and the message, under its id, sent again until the deadline.

    :param timeout_s: real seconds
    :raises NotDelivered: if no answer came in time
    """
    data = message.encode()
    began = time.monotonic()
    connected = False
    while True:
        connection, era = _pool.borrow(address)
        reply = None
        try:
            left_s = timeout_s - (time.monotonic() - began)
            if connection.poll(max(0, int(left_s * 1000)), zmq.POLLOUT):
                connected = True
                connection.send(data, zmq.NOBLOCK)
                reply = _reply_to(message.id, connection, began + timeout_s)
        except zmq.Again:  # the connection broke between poll and send
            pass
        finally:
            # A connection without its answer is never used again: what it still holds must not arrive later.
            if reply is None:
                connection.close()
        if reply is not None:
            _pool.give_back(address, connection, era)
            return reply
        waited_s = time.monotonic() - began
        if waited_s >= timeout_s:
            what = "listens but does not answer" if connected else "does not listen"
            raise NotDelivered(
                f"agent {message.to!r} {what} at {address}: {message.name!r} given up after {waited_s:.2f} s"
            )


def _reply_to(id_: str, connection: zmq.Socket[Any], deadline: float) -> Reply | None:
    while (left_s := deadline - time.monotonic()) > 0:
        if connection.poll(int(min(left_s, _SLICE_S) * 1000) + 1, zmq.POLLIN):
            try:
                reply = Reply.decode(connection.recv(zmq.NOBLOCK))
            except BadMessage:
                return None
            if reply.id in {id_, ""}:
                return reply
        elif not connection.poll(0, zmq.POLLOUT):  # the connection broke, and the message may be lost
            return None
    return None


class Sender:
    """Send messages to agents; a static face, nothing to make."""

    @staticmethod
    def send_to(
        name: str,
        message: str,
        payload: dict[str, Any] | None = None,
        *,
        timeout_s: float = 2.0,
        deadline_s: float | None = None,
        config: AgentConfig | None = None,
    ) -> None:
        """Put a message into an agent's inbox, and return when it is there.

        :param name: the agent's name, such as ``Agent.SCHEDULER``
        :param message: the message, such as ``Agent.SHUTDOWN``
        :param payload: what it carries: JSON values, 1 MiB at most
        :param timeout_s: real seconds to wait for the acknowledgement
        :param deadline_s: observatory time (unix seconds UTC) after which the agent must not begin it
        :raises NotDelivered: if nobody took it in time
        :raises Refused: if the agent did not take it: inbox full, message unknown
        :raises UnknownAgent: if the ini file does not describe the agent
        :raises BadMessage: if the payload is no JSON or too long
        """
        address = (config or current()).address(name)
        said = Message(new_id(), sender_name(), name, message, payload or {}, deadline_s)
        reply = exchange(address, said, timeout_s)
        if not reply.taken:
            raise Refused(f"agent {name!r} at {address} refused {message!r}: {reply.why}")

    @staticmethod
    def ask(
        name: str, question: str, *, timeout_s: float = 2.0, config: AgentConfig | None = None
    ) -> dict[str, Any]:
        """Ask an agent a question that it answers even while it is busy.

        :param question: ``"status"``: name, state, pid, host, since_s, uptime_s, last_message,
            last_message_s, queue_depth, errors, last_error, restarts
        :param timeout_s: real seconds
        :raises NotDelivered: if no answer came in time
        :raises Refused: if the agent does not know the question
        :raises UnknownAgent: if the ini file does not describe the agent
        """
        address = (config or current()).address(name)
        asked = Message(new_id(), sender_name(), name, question, is_question=True)
        reply = exchange(address, asked, timeout_s)
        if reply.answer is None:
            raise Refused(f"agent {name!r} at {address} did not answer {question!r}: {reply.why}")
        return reply.answer

    @staticmethod
    def close() -> None:
        """Close all connections; the next message opens new ones."""
        _pool.close()
