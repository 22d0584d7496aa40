"""The broker: subscribers, other brokers, directories, plugins; and whoever behaves badly."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyros_kernel.alerts import Deframer, frame, send
from pyros_kernel.alerts.allowed import Allowed
from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.broker import Broker, BrokerSettings
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.remote import Remote
from pyros_kernel.alerts.transport import VtpReceiver
from pyros_kernel.alerts.transport_message import greeting, read_greeting
from pyros_kernel.settings import ROOT
from tests.waiting import until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
US = "ivo://pyros.test/broker"
COSTLY = "count(//*[count(//*[count(//*[count(//*) > 1]) > 1]) > 1]) > 1"


def new(number: int) -> bytes:
    return SWIFT.replace(b"1125809", str(4_000_000 + number).encode())


class Listener:
    """A subscriber of the tests."""

    def __init__(self, port: int, filters: tuple[str, ...] = (), *, polite: bool = True, buffer: int = 0) -> None:
        self.link = socket.socket()
        if buffer:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.link.settimeout(15)
        self.link.connect(("127.0.0.1", port))
        self._frames = Deframer()
        self._got: list[bytes] = []
        self._polite = polite
        hello = read_greeting(self.message())
        assert hello is not None and hello.role == "authenticate"
        if polite:
            self.link.sendall(frame(greeting("authenticate", hello.origin, "ivo://a/b", filters)))

    def message(self) -> bytes:
        while not self._got:
            data = self.link.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self._got += self._frames.feed(data)
        return self._got.pop(0)

    def packet(self) -> bytes:
        """Wait for the next VOEvent, and acknowledge it."""
        while True:
            raw = self.message()
            said = read_greeting(raw)
            if said is None:
                if self._polite:
                    self.link.sendall(frame(greeting("ack", "ivo://x/y#z", "ivo://a/b")))
                return raw
            if self._polite and said.role == "iamalive":
                self.link.sendall(frame(greeting("iamalive", said.origin, "ivo://a/b")))

    def silent(self, seconds: float = 0.4) -> bool:
        self.link.settimeout(seconds)
        try:
            self.packet()
        except TimeoutError:
            return True
        finally:
            self.link.settimeout(15)
        return False

    def close(self) -> None:
        self.link.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Give a maker of brokers on free ports."""
    made: list[Broker] = []

    def make(**words: Any) -> Broker:
        defaults = {"receive_port": 0, "broadcast_port": 0, "test_interval_s": 0.0}
        settings = BrokerSettings(local_ivo=US, **(defaults | words))
        running = Broker(settings, tmp_path / f"broker{len(made)}")
        running.start()
        made.append(running)
        return running

    yield make
    for running in made:
        running.stop()


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    """Give a maker of subscribers."""
    made: list[Listener] = []

    def make(*words: Any, **names: Any) -> Listener:
        made.append(Listener(*words, **names))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def caster() -> Iterator[Callable[..., Broadcaster]]:
    """Give a maker of broadcasters that run in a loop of their own."""
    loops: list[VtpReceiver] = []

    def make(**words: Any) -> Broadcaster:
        loop = VtpReceiver(lambda _arrivals: [], lambda _received: None, port=None)
        made = Broadcaster(port=0, local_ivo=US, **words)
        loop.add(made)
        loop.start()
        loops.append(loop)
        return made

    yield make
    for loop in loops:
        loop.stop()


def author(broker: Broker) -> int:
    port = broker.ports[0]
    assert port is not None
    return port


def subscriber(broker: Broker) -> int:
    port = broker.ports[1]
    assert port is not None
    return port


def test_what_authors_bring_goes_to_every_subscriber_once_byte_for_byte(
    broker: Callable[..., Broker], listener: Callable[..., Listener]
) -> None:
    running = broker()
    listeners = [listener(subscriber(running)) for _ in range(5)]
    for number in (1, 1, 2):
        assert send(new(number), port=author(running)).ack
    for one in listeners:
        assert [one.packet(), one.packet()] == [new(1), new(2)]
        assert one.silent(0.05)


def test_each_subscriber_gets_what_its_filters_ask_for(
    broker: Callable[..., Broker], listener: Callable[..., Listener]
) -> None:
    running = broker()
    wants = listener(subscriber(running), ("//Param[@name='TrigID' and @value='4000002']", "//Nothing"))
    doesnt = listener(subscriber(running), ("/*[@role='test']",))
    time.sleep(0.2)  # until the filters arrived
    for number in (1, 2, 3):
        assert send(new(number), port=author(running)).ack
    assert wants.packet() == new(2)
    assert wants.silent()
    assert doesnt.silent(0.05)


def test_a_bad_filter_is_no_subscription(
    caster: Callable[..., Broadcaster], listener: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    broadcaster = caster()
    one = listener(broadcaster.port, ("//[",))
    with pytest.raises(ConnectionError):
        one.message()
    assert "is no XPath" in caplog.text


def test_costly_filters_end_their_subscription_and_harm_nobody_else(
    broker: Callable[..., Broker], listener: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    running = broker()
    costly = [listener(subscriber(running), (f"{COSTLY} or {n} > 100",)) for n in range(20)]
    good = listener(subscriber(running), ("//Param",))
    plain = listener(subscriber(running))
    time.sleep(0.3)
    params = b"".join(b'<Param name="p%d" value="1"/>' % n for n in range(400))
    assert send(new(1).replace(b"<What>", b"<What>" + params), port=author(running)).ack
    began_s = time.monotonic()
    assert send(new(2), port=author(running)).ack
    assert time.monotonic() - began_s < 1.0
    plain.packet()
    assert plain.packet() == new(2)
    for one in costly:
        with pytest.raises(ConnectionError):
            one.packet()
    good.packet()
    assert good.packet() == new(2)
    assert "takes too long" in caplog.text


def test_a_subscriber_that_never_reads_is_dropped(
    caster: Callable[..., Broadcaster], listener: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    broadcaster = caster(max_bytes=200_000)
    listener(broadcaster.port, polite=False, buffer=4096)
    good = listener(broadcaster.port)
    for number in range(200):
        broadcaster.publish(new(number))
        assert good.packet() == new(number)
    until(lambda: len(broadcaster.subscribers) == 1, "the deaf one is dropped")
    assert "it does not read" in caplog.text


def test_who_does_not_answer_iamalive_is_dropped(
    caster: Callable[..., Broadcaster], listener: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    broadcaster = caster(alive_s=0.1)
    silent = listener(broadcaster.port, polite=False)
    with pytest.raises(ConnectionError):
        while True:
            silent.message()
    assert "did not answer the last iamalive" in caplog.text


def test_test_packets_are_sent_and_valid(caster: Callable[..., Broadcaster], listener: Callable[..., Listener]) -> None:
    from pyros_kernel.alerts import parse

    packet = parse(listener(caster(test_interval_s=0.1).port).packet(), strict=True)
    assert packet.is_test
    assert packet.ivorn.startswith(f"{US}#TestEvent-")


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0\0\0", frame(b"nonsense"), frame(SWIFT)],
    ids=["http", "4 GB", "zero", "no XML", "a VOEvent"],
)
def test_a_subscriber_that_talks_nonsense_is_dropped(
    broker: Callable[..., Broker], listener: Callable[..., Listener], caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    running = broker()
    bad, good = listener(subscriber(running)), listener(subscriber(running))
    bad.link.sendall(data)
    with pytest.raises(ConnectionError):
        bad.message()
    assert "dropped subscriber" in caplog.text
    assert send(SWIFT, port=author(running)).ack
    assert good.packet() == SWIFT


def test_a_thousand_idle_connections_on_both_ports_stop_nothing(
    broker: Callable[..., Broker], listener: Callable[..., Listener]
) -> None:
    running = broker()
    idle = [socket.create_connection(("127.0.0.1", port)) for port in (author(running), subscriber(running)) * 500]
    try:
        good = listener(subscriber(running))
        began_s = time.monotonic()
        assert send(SWIFT, port=author(running)).ack
        assert time.monotonic() - began_s < 1.0
        assert good.packet() == SWIFT
    finally:
        for link in idle:
            link.close()


def test_only_networks_that_are_allowed_may_connect(broker: Callable[..., Broker]) -> None:
    running = broker(authors=Allowed(["10.0.0.0/8"]), subscribers=Allowed(["10.0.0.0/8"]))
    answer = send(SWIFT, port=author(running))
    assert not answer.ack
    assert "not allowed" in answer.text
    with (
        socket.create_connection(("127.0.0.1", subscriber(running)), timeout=5) as link,
        pytest.raises(ConnectionError),
    ):
        if not link.recv(100):
            raise ConnectionResetError


def test_authors_must_follow_the_schema_and_learn_where_they_do_not(broker: Callable[..., Broker]) -> None:
    answer = send(SWIFT.replace(b"<Who>", b"<Who><Nonsense/>"), port=author(broker()))
    assert not answer.ack
    assert "Nonsense" in answer.text


def test_from_upstream_what_breaks_the_schema_is_kept(
    broker: Callable[..., Broker], caster: Callable[..., Broadcaster], listener: Callable[..., Listener]
) -> None:
    upstream = caster()
    running = broker(remotes=[("127.0.0.1", upstream.port)])
    until(lambda: upstream.subscribers, "we listen to it")
    one = listener(subscriber(running))
    invalid = SWIFT.replace(b"<Who>", b"<Who><Nonsense/>")
    upstream.publish(invalid)
    assert one.packet() == invalid


def test_each_remote_has_filters_of_its_own(
    broker: Callable[..., Broker], caster: Callable[..., Broadcaster], listener: Callable[..., Listener]
) -> None:
    first, second = caster(), caster()
    remotes = [("127.0.0.1", first.port), ("127.0.0.1", second.port)]
    tests, all_of_them = "/*[@role='test']", "//Param"
    broker(remotes=remotes, filters=[tests], remote_filters={remotes[1]: [all_of_them]})
    until(lambda: first.filters == [(tests,)], "the first knows its filter")
    until(lambda: second.filters == [(tests, all_of_them)], "the second knows its two")


def test_brokers_in_a_ring_pass_a_packet_once(broker: Callable[..., Broker], listener: Callable[..., Listener]) -> None:
    first = broker()
    second = broker(remotes=[("127.0.0.1", subscriber(first))])
    third = broker(remotes=[("127.0.0.1", subscriber(second)), ("127.0.0.1", subscriber(first))])
    one = listener(subscriber(third))
    time.sleep(0.5)
    assert send(SWIFT, port=author(first)).ack
    assert one.packet() == SWIFT
    assert one.silent()


def test_a_lost_broker_is_found_again(
    caster: Callable[..., Broadcaster], free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    received: list[bytes] = []

    def receive(arrivals: Any) -> Any:
        received.extend(a.raw for a in arrivals)
        return [_known(a) for a in arrivals]

    remote = Remote("127.0.0.1", free_port, receive, lambda _r: None, first_pause_s=0.05)
    loop = VtpReceiver(receive, lambda _r: None, port=None)
    loop.add(remote)
    loop.start()
    try:
        for number in range(2):
            server = VtpReceiver(receive, lambda _r: None, port=None)
            upstream = Broadcaster(port=free_port)
            server.add(upstream)
            server.start()
            until(lambda up=upstream: up.subscribers, "it is found")
            upstream.publish(new(number))
            until(lambda n=number: len(received) == n + 1, "its packet came")
            assert remote.heard_age_s is not None
            server.stop()
        until(lambda: remote.problem, "it is missed")
        assert f"{remote.name}: last heard" in str(remote)
    finally:
        loop.stop()
    assert "again in" in caplog.text


def test_a_silent_broker_is_left_and_tried_again(free_port: int) -> None:
    with socket.socket() as mute:
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mute.bind(("127.0.0.1", free_port))
        mute.listen()
        remote = Remote("127.0.0.1", free_port, lambda _a: [], lambda _r: None, silence_s=0.1, first_pause_s=0.05)
        loop = VtpReceiver(lambda _a: [], lambda _r: None, port=None)
        loop.add(remote)
        loop.start()
        try:
            mute.settimeout(10)
            for _ in range(3):
                link, _ = mute.accept()
                link.close()
            until(lambda: remote.problem, "it is complained about")
        finally:
            loop.stop()


def _known(arrival: Any) -> Any:
    from pyros_kernel.alerts import Received, parse

    return Received(lambda: 1, parse(arrival.raw), True, arrival.last_byte_s)


def test_files_that_appear_are_taken(
    broker: Callable[..., Broker], listener: Callable[..., Listener], tmp_path: Path
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    running = broker(watched=[watched])
    one = listener(subscriber(running))
    (watched / "bad.xml").write_bytes(b"nonsense")
    (watched / "a.xml").write_bytes(SWIFT)
    assert one.packet() == SWIFT


def test_plugins_are_called_and_bad_ones_harm_nobody(
    broker: Callable[..., Broker], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from pyros_kernel.alerts import plugins

    seen: list[str] = []

    def fails(_packet: Packet) -> None:
        raise RuntimeError("no lamp")

    def notes(packet: Packet) -> None:
        seen.append(packet.trigger_id)

    running = broker(
        plugins={
            "fails": fails,
            "slow": lambda _packet: time.sleep(0.3),
            "notes": notes,
            "save": plugins.saver(tmp_path / "saved"),
            "cmd": plugins.command(f"cp /dev/stdin {tmp_path / 'copied'}"),
        }
    )
    for number in range(5):
        assert send(new(number), port=author(running)).ack
    until(lambda: len(seen) == 5, "all were seen")
    until(lambda: len(list((tmp_path / "saved").glob("*.xml"))) == 5, "all were saved")
    until(lambda: (tmp_path / "copied").is_file() and (tmp_path / "copied").read_bytes() == new(4), "command was run")
    assert "no lamp" in caplog.text


def test_installed_plugins_are_loaded_and_bad_ones_harm_nobody(tmp_path: Path, free_port: int) -> None:
    """A distribution on the path brings three entry points; the broker is the program that people run."""
    site, saved = tmp_path / "site", tmp_path / "saved"
    about = site / "lamp-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[pyros.alert_plugins]\nlamp = lamp:light\nfails = lamp:fail\nslow = lamp:sleep\nmissing = no_such_module:x\n"
    )
    (site / "lamp.py").write_text(
        "import pathlib, time\n"
        f"def light(packet): pathlib.Path({str(tmp_path)!r}, 'lit-' + packet.trigger_id).touch()\n"
        "def fail(packet): raise RuntimeError('no lamp')\n"
        "def sleep(packet): time.sleep(60)\n"
    )
    words = ["--receive-port", str(free_port), "--local-ivo", US, "--eventdb", str(tmp_path / "db")]
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "pyros_kernel.cli", "broker", *words, "--save-event-directory", str(saved)],
            env=os.environ | {"PYTHONPATH": str(site)},
            stderr=errors,
        ) as program,
    ):
        try:
            until(lambda: "ready" in log.read_text(), "the broker is ready", 60)
            for number in range(3):
                assert send(new(number), port=free_port).ack
            until(lambda: len(list(tmp_path.glob("lit-*"))) == 3, "the lamp was lit three times")
            until(lambda: len(list(saved.glob("*.xml"))) == 3, "and all were saved")
            assert {path.read_bytes() for path in saved.glob("*.xml")} == {new(number) for number in range(3)}
        finally:
            program.terminate()
        assert program.wait(20) == 0
    said = log.read_text()
    assert "plugin fails failed on ivo://" in said
    assert "plugin missing can't be loaded" in said
    assert "plugin slow did not end" in said


def test_a_plugin_that_can_not_follow_misses_packets_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    import threading

    from pyros_kernel.alerts import parse, plugins

    gate = threading.Event()
    running = plugins.Plugins({"slow": lambda _packet: gate.wait(10)}, waiting=3)
    packet = dataclasses.replace(parse(SWIFT))
    for _ in range(10):
        running(packet)
    gate.set()
    running.close()
    assert "too slow: it has missed 4 packets" in caplog.text
