"""Send a message to an agent, and learn whether it arrived."""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import suppress
from typing import Any

import zmq

from pyros_kernel.agents.config import Address, AgentConfig, current
from pyros_kernel.agents.errors import NotDelivered, Refused
from pyros_kernel.agents.identity import sender_name
from pyros_kernel.agents.message import BadMessage, Message, Reply, new_id
from pyros_kernel.agents.transport import answers, dial
from pyros_kernel.signs import sign

_AGAIN_S = 0.25  # a message without an answer is said again
_PROBE_S = 0.2
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
                if candidate.poll(0):  # a late answer to an earlier message is in it
                    stale.append(candidate)
                else:
                    found = candidate
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

    Without an answer it is said again, under the same id, until the deadline: a connection that broke is made
    again in the background, and nothing tells whether what was on it arrived.

    :param timeout_s: real seconds
    :raises NotDelivered: if no answer came in time
    :raises ConfigError: if it lies across the network, and there is no key
    """
    data = message.encode()
    began_s = time.monotonic()
    sign(timeout_s + _PROBE_S)
    connection, era = _pool.borrow(address)
    reply = None
    try:
        while reply is None and (left_s := began_s + timeout_s - time.monotonic()) > 0:
            # One that wants a key, and was shown none, takes the connection away: then there is nowhere to send to.
            with suppress(zmq.Again):
                connection.send(data, zmq.NOBLOCK)
            reply = _reply_to(message.id, connection, time.monotonic() + min(left_s, _AGAIN_S))
    finally:
        sign()
        if reply is None:
            # Never used again: what it still holds must not arrive after we gave up.
            connection.close()
        else:
            _pool.give_back(address, connection, era)
    if reply is None:
        waited_s = time.monotonic() - began_s
        heard = "listens but does not answer" if answers(address, _PROBE_S) else "does not listen"
        if not address.is_local:
            heard += " (or has another key than this machine)"
        raise NotDelivered(
            f"agent {message.to!r} {heard} at {address}: {message.name!r} given up after {waited_s:.2f} s"
        )
    return reply


def _reply_to(id_: str, connection: zmq.Socket[Any], end_s: float) -> Reply | None:
    while (left_s := end_s - time.monotonic()) > 0:
        if connection.poll(_ms(left_s), zmq.POLLIN):
            try:
                reply = Reply.decode(connection.recv(zmq.NOBLOCK))
            except BadMessage:
                continue
            if reply.id in {id_, ""}:
                return reply
    return None


def _ms(seconds: float) -> int:
    return int(seconds * 1000) + 1


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
        :raises ConfigError: if it lies across the network, and there is no key
        :raises BadMessage: if the payload is no JSON or too long
        """
        address = (config or current()).address(name)
        said = Message(new_id(), sender_name(), name, message, payload or {}, deadline_s)
        reply = exchange(address, said, timeout_s)
        if not reply.taken:
            raise Refused(f"agent {name!r} at {address} refused {message!r}: {reply.why}")

    @staticmethod
    def ask(name: str, question: str, *, timeout_s: float = 2.0, config: AgentConfig | None = None) -> dict[str, Any]:
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


atexit.register(Sender.close)
