"""One TCP connection to an INDI server."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from instruments.indi.element import BrokenStream, Element, Parser
from instruments.pulse import BEAT_S, Pulse

logger = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 2
ASIDE_S = 0.02  # so long the link's own thread leaves the reading to who waits: calls come one after the other
_PING = b"<pingRequest uid='pyros'/>\n"


class IndiLink:
    """Send commands, and hand each element that comes to ``on_element``.

    A link lives once: from :meth:`open` until it is closed or lost.  A server that answers pings and then falls
    silent is hung up: a dead machine, or a server that hangs, sends no end of file.

    A thread of the link's own reads what comes, but for the time in which somebody waits in :meth:`read_until`.

    :param name: name of the device, for the thread
    :param on_element: called by whoever reads, one element after the other
    :param on_lost: called once with why, by the link's own thread, when the other side ended the link
    """

    def __init__(self, name: str, on_element: Callable[[Element], None], on_lost: Callable[[str], None]) -> None:
        self._name, self._on_element, self._on_lost = name, on_element, on_lost
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.why = ""
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._parser, self._pulse = Parser(), Pulse(lambda: self.send(_PING))
        self._watch, self._ready = select.poll(), select.poll()  # the link's own thread's, and that of who has the turn
        self._pings, self._broken = False, ""

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
        for poll in (self._watch, self._ready):
            poll.register(link, select.POLLIN)
        self._pulse.heard()
        self.send(_PING)
        self._thread = threading.Thread(target=self._read, name=f"pyros-indi-{self._name}", daemon=True)
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

    def read_until(self, done: Callable[[], bool], end: float) -> None:
        """Read in this thread until ``done()``; return at once while another one reads.

        Who waits for an answer takes it without a hand-over from the link's own thread, which on a busy machine
        costs more than the answer.

        :param end: reading of ``time.monotonic()`` at which to give up
        """
        if not self._turn.acquire(blocking=False):
            return
        try:
            while not self._broken and not done() and (left_s := end - time.monotonic()) > 0:
                self._broken = self._step(left_s)
        finally:
            self._turn.release()

    def _read(self) -> None:
        while self.up and not self._broken:
            quiet = not self._watch.poll(BEAT_S * 1000)
            if self._turn.acquire(blocking=False):
                try:
                    self._broken = self._broken or self._step(0)
                finally:
                    self._turn.release()
            elif not quiet:
                time.sleep(ASIDE_S)
        self._drop(self._broken)

    def _step(self, timeout_s: float) -> str:
        """Hand out what comes next.

        :return: why the link is at its end; empty while it isn't
        """
        try:
            return self._take(timeout_s)
        except TimeoutError as error:
            return f"the server is {error}"
        except OSError as error:
            return f"the link broke ({error})"
        except BrokenStream as error:
            return f"the server talks nonsense: {error}"

    def _take(self, timeout_s: float) -> str:
        if not self._ready.poll(min(timeout_s, BEAT_S) * 1000):
            if self._pings:
                self._pulse.look()
            return ""
        link = self._socket
        data = link.recv(262144) if link is not None else b""
        if link is None or not data:
            return "the server closed the link"
        # Servers leave Nagle's algorithm on: without a quick ACK each second message comes 40 ms late.
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._pulse.heard()
        for element in self._parser.feed(data):
            if element.tag == "pingReply":
                self._pings = True
            else:
                self._on_element(element)
        return ""

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
