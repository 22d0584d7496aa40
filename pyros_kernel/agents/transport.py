"""ZeroMQ for the whole process, and who holds a port."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import psutil
import zmq

from pyros_kernel.agents.config import Address
from pyros_kernel.agents.message import MAX_BYTES

LINGER_MS = 500  # a last acknowledgement gets away though its agent ends

_lock = threading.Lock()
_contexts: dict[int, zmq.Context[Any]] = {}


def context() -> zmq.Context[Any]:
    """Give the ZeroMQ context of this process's senders; a forked child gets its own."""
    with _lock:
        if os.getpid() not in _contexts:
            _contexts[os.getpid()] = zmq.Context()
        return _contexts[os.getpid()]


def listen(address: Address) -> zmq.Socket[Any]:
    """Open a ROUTER socket on an address, in a context of its own; :func:`hang_up` closes both.

    :raises zmq.ZMQError: if the address is taken or not of this machine
    """
    listener = zmq.Context().socket(zmq.ROUTER)
    try:
        listener.setsockopt(zmq.LINGER, LINGER_MS)
        listener.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        listener.setsockopt(zmq.HANDSHAKE_IVL, 2000)  # half a greeting doesn't keep a connection
        listener.setsockopt(zmq.IPV6, ":" in address.ip)
        listener.bind(address.endpoint)
    except BaseException:
        hang_up(listener)
        raise
    return listener


def hang_up(listener: zmq.Socket[Any]) -> None:
    """Close what :func:`listen` opened, and return when the last answer is out and the address free.

    Only the end of its context tells when that is: closing alone happens in the background, and a process that
    exits meanwhile takes the answer with it.
    """
    own_context = listener.context
    listener.close()
    own_context.term()


def dial(address: Address) -> zmq.Socket[Any]:
    """Open a DEALER socket that connects to an address, and again whenever the connection breaks.

    ZMQ_IMMEDIATE stays off: with it, a connection that breaks takes along the answer that had just arrived
    (seen with libzmq 4.3.5 in one of twenty shutdowns).
    """
    dealer = context().socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    dealer.setsockopt(zmq.RECONNECT_IVL, 20)
    dealer.setsockopt(zmq.IPV6, ":" in address.ip)
    dealer.connect(address.endpoint)
    return dealer


def answers(address: Address, timeout_s: float) -> bool:
    """Tell whether somebody accepts connections at an address."""
    try:
        socket.create_connection((address.ip, address.port), timeout_s).close()
    except OSError:
        return False
    return True


def holder(address: Address) -> str:
    """Describe the process that listens at an address of this machine."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == address.port:
            if connection.pid is None:
                break
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.NoSuchProcess:
                return f"process {connection.pid}"
    return "a process of another user"
