"""Bringing a VOEvent to a broker or to PyROS, as ``comet-sendvo`` does."""

from __future__ import annotations

import socket
import time

from pyros_kernel.alerts.framing import Deframer, FramingError, frame
from pyros_kernel.alerts.transport_message import Answer, read_answer
from pyros_kernel.alerts.tree import NotVoevent

_CHUNK = 65536


class NotDelivered(Exception):
    """Nobody answered, or not in the protocol's words: it is not known whether the packet was taken."""


def send(raw: bytes, host: str = "127.0.0.1", port: int = 8098, *, timeout_s: float = 20.0) -> Answer:
    """Send a packet and wait for the answer.

    :param timeout_s: how long (real seconds) all of it may take
    :raises NotDelivered: if there is no answer
    """
    where = f"{host}:{port}"
    deadline_s = time.monotonic() + timeout_s
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(frame(raw))
            return read_answer(_read_message(link, deadline_s))
    except ConnectionRefusedError as error:
        raise NotDelivered(f"nobody listens on {where}; is the receiver started?") from error
    except TimeoutError as error:
        raise NotDelivered(f"{where} did not answer within {timeout_s} s") from error
    except (OSError, FramingError, NotVoevent) as error:
        raise NotDelivered(f"{where}: {error}") from error


def _read_message(link: socket.socket, deadline_s: float) -> bytes:
    frames = Deframer()
    while True:
        link.settimeout(max(deadline_s - time.monotonic(), 0.001))
        data = link.recv(_CHUNK)
        if not data:
            raise ConnectionError("the connection was closed without an answer")
        for message in frames.feed(data):
            return message
