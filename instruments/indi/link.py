"""One TCP connection to an INDI server."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import threading
from collections.abc import Callable

from instruments.indi.element import BrokenStream, Element, Parser
from instruments.pulse import BEAT_S, Pulse

logger = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 2
_PING = b"<pingRequest uid='pyros'/>\n"


class IndiLink:
    """Send commands, and hand each element that comes to ``on_element``.

    A link lives once: from :meth:`open` until it is closed or lost.  A server that answers pings and then falls
    silent is hung up: a dead machine, or a server that hangs, sends no end of file.

    :param name: name of the device, for the thread
    :param on_element: called from the reader's thread
    :param on_lost: called once with why, when the other side ended the link
    """

    def __init__(self, name: str, on_element: Callable[[Element], None], on_lost: Callable[[str], None]) -> None:
        self._name, self._on_element, self._on_lost = name, on_element, on_lost
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.why = ""
        self._sending = threading.Lock()
        self._lock = threading.Lock()

    @property
    def up(self) -> bool:
        """Whether the link stands."""
        return self._socket is not None

    def open(self, host: str, port: int, timeout_s: float) -> None:
        """Connect.

        :raises OSError: if nobody answers there
        """
        link = socket.create_connection((host, port), timeout_s)
        link.settimeout(None)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A server that stops reading must not hold a sender for ever.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0))
        self._socket = link
        self._thread = threading.Thread(target=self._read, args=(link,), name=f"pyros-indi-{self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the connection back."""
        self._drop(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)

    def send(self, data: bytes) -> bool:
        """Send; a link that can't be sent on is hung up.

        :return: whether it was given to the socket
        """
        with self._sending:
            link = self._socket
            if link is None:
                return False
            try:
                link.sendall(data)
            except OSError:
                self._hang_up(link)
                return False
        return True

    def _read(self, link: socket.socket) -> None:
        why = "the server closed the link"
        try:
            self._read_until_silent(link)
        except TimeoutError as error:
            why = f"the server is {error}"
        except OSError as error:
            why = f"the link broke ({error})"
        except BrokenStream as error:
            why = f"the server talks nonsense: {error}"
        self._drop(why)

    def _read_until_silent(self, link: socket.socket) -> None:
        parser, ready, pulse = Parser(), select.poll(), Pulse(lambda: self.send(_PING))
        ready.register(link, select.POLLIN)
        pings = False
        self.send(_PING)
        while self.up:
            if not ready.poll(BEAT_S * 1000):
                if pings:
                    pulse.look()
                continue
            data = link.recv(262144)
            if not data:
                return
            # Servers leave Nagle's algorithm on: without a quick ACK each second message comes 40 ms late.
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            pulse.heard()
            for element in parser.feed(data):
                if element.tag == "pingReply":
                    pings = True
                else:
                    self._on_element(element)

    def _hang_up(self, link: socket.socket) -> None:
        # Wakes the reader, which then ends the link.
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    def _drop(self, why: str | None) -> None:
        with self._lock:
            if self._socket is not None:
                self.why = why or "the link was closed by this side"
            link, self._socket = self._socket, None
        if link is None:
            return
        self._hang_up(link)
        link.close()
        if why is not None:
            self._on_lost(why)
