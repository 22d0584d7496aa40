"""Whoever behaves badly, on either port: it is told of in the log, and a good packet beside it is acknowledged."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from pyros_kernel.alerts import AlertInbox, VtpReceiver, frame, quick, send
from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.transport_message import greeting
from pyros_kernel.clock import Clock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store
from tests.pyros_kernel.alerts.test_broker import COSTLY, Listener
from tests.waiting import until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
BODY = SWIFT.partition(b"?>")[2]
NUMBERS = count(5_000_000)
ALIVE_S, DEADLINE_S = 2.0, 2.0
BOMB = b'<!DOCTYPE a [<!ENTITY a0 "ha">' + b"".join(
    b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)
Bad = Callable[["Ports", ExitStack], None]


def new() -> bytes:
    return SWIFT.replace(b"1125809", str(next(NUMBERS)).encode())


@dataclass
class Ports:
    author: int
    subscriber: int
    broadcaster: Broadcaster


@contextmanager
def serving(directory: Path) -> Iterator[Ports]:
    """Run a broker's two ports."""
    store = Store.open(f"sqlite:///{directory / 'broker.sqlite'}")
    soon = quick(store)
    broadcaster = Broadcaster(port=0, alive_s=ALIVE_S, max_bytes=2_000_000)
    inbox = AlertInbox(soon, directory, Clock(), durable=store, heard=lambda packet: broadcaster.publish(packet.raw))
    receiver = VtpReceiver(inbox.receive_all, lambda _r: None, port=0, deadline_s=DEADLINE_S, strict=True)
    receiver.add(broadcaster)
    receiver.start()
    assert send(new(), port=receiver.port, timeout_s=15).ack  # the first one starts the thread that makes rows
    yield Ports(receiver.port, broadcaster.port, broadcaster)
    receiver.stop()
    inbox.close()
    soon.close()
    store.close()


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Give one broker for all of them, so that what one leaves behind would hurt the next."""
    with serving(tmp_path_factory.mktemp("broker")) as running:
        yield running


def says(port: str, data: bytes, *, then_close: bool = False) -> Bad:
    """Connect, send these bytes, and stay, or leave."""

    def do(ports: Ports, stack: ExitStack) -> None:
        link = stack.enter_context(socket.create_connection(("127.0.0.1", getattr(ports, port)), timeout=10))
        with suppress(ConnectionError):
            link.sendall(data)
            if then_close:
                link.shutdown(socket.SHUT_WR)

    return do


def drips(port: str) -> Bad:
    """Send a byte now and then, for ever."""

    def do(ports: Ports, stack: ExitStack) -> None:
        link = stack.enter_context(socket.create_connection(("127.0.0.1", getattr(ports, port)), timeout=10))
        ending = threading.Event()

        def drip() -> None:
            with suppress(OSError):
                for byte in frame(SWIFT):
                    link.sendall(bytes([byte]))
                    if ending.wait(0.2):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        stack.callback(thread.join)
        stack.callback(ending.set)

    return do


def idles(port: str) -> Bad:
    """Connect a thousand times, and say nothing."""

    def do(ports: Ports, stack: ExitStack) -> None:
        for _ in range(1000):
            stack.enter_context(socket.create_connection(("127.0.0.1", getattr(ports, port)), timeout=10))

    return do


def is_deaf(ports: Ports, stack: ExitStack) -> None:
    """Subscribe, and never read."""
    listener = Listener(ports.subscriber, polite=False, buffer=4096)
    stack.callback(listener.close)
    large = new().replace(b"</Description>", b"x" * 20_000 + b"</Description>", 1)
    ending = threading.Event()

    def publish() -> None:
        while not ending.wait(0.02):
            ports.broadcaster.publish(large)

    thread = threading.Thread(target=publish)
    thread.start()
    stack.callback(thread.join)
    stack.callback(ending.set)


def asks_too_much(ports: Ports, stack: ExitStack) -> None:
    """Twenty subscribers ask for what takes seconds, of a packet with many Params."""
    for n in range(20):
        stack.callback(Listener(ports.subscriber, (f"{COSTLY} or {n} > 100",)).close)
    until(lambda: len([f for f in ports.broadcaster.filters if f]) >= 20, "their filters are known")
    params = b"".join(b'<Param name="p%d" value="1"/>' % n for n in range(400))
    ports.broadcaster.publish(new().replace(b"<What>", b"<What>" + params))


WRONG = {
    "wrong length": (b"\0\0\0\x64" + SWIFT, "announce|not well-formed"),
    "4 GB": (b"\xff\xff\xff\xff" + b"x" * 10_000, "announce 4294967295 bytes"),
    "zero": (b"\0\0\0\0", "announce 0 bytes"),
    "billion laughs": (frame(BOMB + b"]>" + BODY.replace(b"GRB", b"&a9;", 1)), "document type declaration"),
    "external entity": (
        frame(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + BODY),
        "document type declaration",
    ),
    "wrong root": (frame(b"<html/>"), "the root element is html|no answer"),
}
CASES: dict[str, tuple[Bad, str]] = {
    **{
        f"{port}: {name}": (says(port, data), why)
        for port in ("author", "subscriber")
        for name, (data, why) in WRONG.items()
    },
    "author: truncated": (says("author", frame(SWIFT)[:2000], then_close=True), "closed with 1996 of"),
    "subscriber: truncated": (says("subscriber", frame(SWIFT)[:2000], then_close=True), "closed with 1996 of"),
    "author: a byte now and then": (drips("author"), "bytes of a message had come"),
    "subscriber: a byte now and then": (drips("subscriber"), "did not answer the last iamalive"),
    "author: 1,000 idle connections": (idles("author"), "too many connections|no message had come"),
    "subscriber: 1,000 idle connections": (idles("subscriber"), "did not answer the last iamalive"),
    "author: wrong version": (says("author", frame(SWIFT.replace(b'version="2.0"', b'version="9"'))), "version='9'"),
    "author: bad ivorn": (says("author", frame(SWIFT.replace(b"ivo://", b"http://"))), "is not an identifier"),
    "author: breaks the schema": (says("author", frame(SWIFT.replace(b"<Who>", b"<Who><No/>"))), "breaks the schema"),
    "subscriber: never answers": (says("subscriber", b""), "did not answer the last iamalive"),
    "subscriber: bad filter": (
        says("subscriber", frame(greeting("authenticate", "ivo://a/b", "ivo://c/d", ("//[",)))),
        "is no XPath",
    ),
    "subscriber: never reads": (is_deaf, "it does not read|did not answer"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_good_packet_is_acknowledged_beside(ports: Ports, caplog: pytest.LogCaptureFixture, case: str) -> None:
    check_beside(ports, caplog, case, *CASES[case])


def test_a_good_packet_is_acknowledged_beside_20_costly_filters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as ports:  # its filters' process is killed and started: not for the others
        check_beside(ports, caplog, "subscriber: 20 costly filters", asks_too_much, "takes too long|takes longer than")


def check_beside(ports: Ports, caplog: pytest.LogCaptureFixture, case: str, bad: Bad, reason: str) -> None:
    with ExitStack() as stack:
        bad(ports, stack)
        good = Listener(ports.subscriber)
        stack.callback(good.close)
        raw = new()
        began_s = time.monotonic()
        # Within a second on an idle machine; pytest -rP shows what it took.
        answer = send(raw, port=ports.author, timeout_s=15)
        print(f"{case}: acknowledged after {1000 * (time.monotonic() - began_s):.1f} ms")
        assert answer.ack
        while good.packet() != raw:  # a deaf one's neighbours got the large packets too
            pass
        until(lambda: re.search(reason, caplog.text), f"it is logged: {reason}", 30)
    until(lambda: not ports.broadcaster.subscribers, "all are gone")


def test_a_duplicate_ivorn_is_known_or_another_version(ports: Ports, caplog: pytest.LogCaptureFixture) -> None:
    good = Listener(ports.subscriber)
    raw = new()
    other = raw.replace(b"64.7373", b"64.7374")
    answers = [send(each, port=ports.author) for each in (raw, raw, other)]
    assert [answer.text for answer in answers] == ["stored", "received before", "stored"]
    assert [good.packet(), good.packet()] == [raw, other]
    assert good.silent(0.1)
    good.close()
    until(lambda: not ports.broadcaster.subscribers, "it is gone")
