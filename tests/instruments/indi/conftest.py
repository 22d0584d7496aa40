"""An INDI server that answers what a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from instruments.indi.element import BrokenStream, Element, Parser

CONNECTION = (
    "<{0}SwitchVector device='D' name='CONNECTION' state='Ok' perm='rw' rule='OneOfMany'>"
    "<{1}Switch name='CONNECT'>On</{1}Switch><{1}Switch name='DISCONNECT'>Off</{1}Switch></{0}SwitchVector>"
)


def number(prefix: str, name: str, state: str, **values: float | str) -> str:
    """Write a number vector of device D, as a driver does: ``def`` or ``set``."""
    one = "def" if prefix == "def" else "one"
    limits = " min='0' max='100'" if prefix == "def" else ""
    ones = "".join(f"<{one}Number name='{k}'{limits}>{v}</{one}Number>" for k, v in values.items())
    return f"<{prefix}NumberVector device='D' name='{name}' state='{state}' perm='rw'>{ones}</{prefix}NumberVector>"


@dataclass
class Driver:
    """A driver of device D on a server of its own.

    :param defines: what it defines when asked for its properties
    :param answer: gives what it says to a command; None closes the link
    """

    defines: str
    answer: Callable[[Element], str | None] = lambda _: ""
    pings: bool = True
    deaf: bool = False
    heard: list[Element] = field(default_factory=list[Element])
    link: socket.socket | None = None
    port: int = 0

    @property
    def address(self) -> str:
        return f"indi://127.0.0.1:{self.port}/D"

    def say(self, text: str) -> None:
        """Say something unasked."""
        assert self.link is not None
        self.link.sendall(text.encode())


@pytest.fixture
def serve() -> Iterator[Callable[[Driver], Driver]]:
    """Serve a driver: ``serve(Driver(...))``."""
    with contextlib.ExitStack() as ends:

        def start(driver: Driver) -> Driver:
            listener = socket.create_server(("127.0.0.1", 0))
            driver.port = int(listener.getsockname()[1])
            thread = threading.Thread(target=_serve, args=(listener, driver), daemon=True)
            thread.start()

            def end() -> None:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()
                if driver.link is not None:
                    with contextlib.suppress(OSError):
                        driver.link.shutdown(socket.SHUT_RDWR)
                thread.join(5)

            ends.callback(end)
            return driver

        yield start


def _serve(listener: socket.socket, driver: Driver) -> None:
    clients: list[threading.Thread] = []
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            break
        if driver.link is None or driver.link.fileno() < 0:
            driver.link = link
        clients.append(threading.Thread(target=_converse, args=(link, driver), daemon=True))
        clients[-1].start()
    for client in clients:
        client.join(5)


def _converse(link: socket.socket, driver: Driver) -> None:
    parser = Parser()
    with link, contextlib.suppress(OSError, BrokenStream):
        while data := link.recv(65536):
            for element in parser.feed(data):
                said = _said(driver, element)
                if said is None:
                    link.shutdown(socket.SHUT_RDWR)
                    break
                link.sendall(said.encode())


def _said(driver: Driver, element: Element) -> str | None:
    if driver.deaf:
        return ""
    if element.tag == "pingRequest":
        return "<pingReply uid='pyros'/>" if driver.pings else ""
    if element.tag == "getProperties":
        if element.attributes.get("device", "D") != "D":
            return ""
        return CONNECTION.format("def", "def") + driver.defines
    driver.heard.append(element)
    return driver.answer(element)
