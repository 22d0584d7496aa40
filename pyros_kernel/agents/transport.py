"""ZeroMQ for the whole process, and who holds a port."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import Any

import psutil
import zmq

from pyros_kernel.agents.config import Address
from pyros_kernel.agents.message import MAX_BYTES

LINGER_MS = 500  # a last acknowledgement gets away though its agent ends

_lock = threading.Lock()
_contexts: dict[int, zmq.Context[Any]] = {}


def context() -> zmq.Context[Any]:
    """Give this process's ZeroMQ context; a forked child gets its own."""
    with _lock:
        if os.getpid() not in _contexts:
            _contexts[os.getpid()] = zmq.Context()
        return _contexts[os.getpid()]


def listen(address: Address) -> zmq.Socket[Any]:
    """Open a ROUTER socket on an address.

    :raises zmq.ZMQError: if the address is taken or not of this machine
    """
    listener = context().socket(zmq.ROUTER)
    try:
        listener.setsockopt(zmq.LINGER, LINGER_MS)
        listener.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        listener.setsockopt(zmq.HANDSHAKE_IVL, 2000)  # half a greeting doesn't keep a connection
        listener.setsockopt(zmq.IPV6, ":" in address.ip)
        listener.bind(address.endpoint)
    except BaseException:
        listener.close(linger=0)
        raise
    return listener


def dial(address: Address) -> zmq.Socket[Any]:
    """Open a DEALER socket that connects to an address; it queues nothing while nobody listens."""
    dealer = context().socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.IMMEDIATE, 1)
    dealer.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    dealer.setsockopt(zmq.RECONNECT_IVL, 20)
    dealer.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
    dealer.setsockopt(zmq.IPV6, ":" in address.ip)
    dealer.connect(address.endpoint)
    return dealer


def is_free(address: Address) -> bool:
    """Tell whether an address of this machine can be listened on now."""
    with socket.socket(socket.AF_INET6 if ":" in address.ip else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.ip, address.port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def wait_free(address: Address, timeout_s: float = 1.0) -> bool:
    """Wait until ZeroMQ, which closes in the background, has given up an address."""
    end = time.monotonic() + timeout_s
    while not is_free(address):
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


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
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == address.port
        ):
            if connection.pid is None:
                break
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.NoSuchProcess:
                return f"process {connection.pid}"
    return "a process of another user"
