"""ZeroMQ for the whole process, and who holds a port."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import psutil
import zmq
from zmq.auth.thread import ThreadAuthenticator

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


class Listener:
    """A ROUTER socket on an address, in a context of its own.

    :param address: one that the network reaches lets in only who has the observatory's key
    :raises ConfigError: if the network reaches it, and there is no key
    :raises zmq.ZMQError: if the address is taken or not of this machine
    """

    def __init__(self, address: Address) -> None:
        keys = address.needed_keys()
        self._context = zmq.Context()
        self._gatekeeper: ThreadAuthenticator | None = None
        self.socket: zmq.Socket[Any] = self._context.socket(zmq.ROUTER)
        try:
            self.socket.setsockopt(zmq.LINGER, LINGER_MS)
            self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
            self.socket.setsockopt(zmq.HANDSHAKE_IVL, 2000)  # half a greeting doesn't keep a connection
            self.socket.setsockopt(zmq.IPV6, ":" in address.ip)
            if keys is not None:
                # It must be there before the socket listens: without it ZeroMQ lets in whoever has any key at all.
                self._gatekeeper = ThreadAuthenticator(self._context)
                self._gatekeeper.start()
                self._gatekeeper.configure_curve_callback(credentials_provider=keys)
                self.socket.curve_secretkey = keys.secret
                self.socket.curve_publickey = keys.public
                self.socket.curve_server = True
            self.socket.bind(address.endpoint)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Return when the last answer is out and the address free.

        Only the end of its context tells when that is: closing alone happens in the background, and a process that
        exits meanwhile takes the answer with it.
        """
        self.socket.close()
        if self._gatekeeper is not None:
            self._gatekeeper.stop()
        self._context.term()


def dial(address: Address) -> zmq.Socket[Any]:
    """Open a DEALER socket that connects to an address, and again whenever the connection breaks.

    ZMQ_IMMEDIATE stays off: with it, a connection that breaks takes along the answer that had just arrived
    (seen with libzmq 4.3.5 in one of twenty shutdowns).

    :raises ConfigError: if it lies across the network, and there is no key
    """
    keys = address.needed_keys()
    dealer = context().socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    dealer.setsockopt(zmq.RECONNECT_IVL, 20)
    dealer.setsockopt(zmq.IPV6, ":" in address.ip)
    if keys is not None:
        dealer.curve_publickey, dealer.curve_secretkey, dealer.curve_serverkey = keys.public, keys.secret, keys.public
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
