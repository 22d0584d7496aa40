"""Comet 3.1 and PyROS understand each other, both ways, as real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from benchmarks.vtp.programs import comet as comet_words
from benchmarks.vtp.programs import running
from pyros_kernel.alerts import AlertInbox, Received, VtpReceiver, send
from pyros_kernel.alerts.broker import Broker, BrokerSettings
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store, load
from tests.conftest import require
from tests.waiting import until

INSTALL = "pip install 'comet>=3.1' (it is in the dev extra)"
PACKET = ROOT / "fixtures" / "swift_bat_grb_1125809.xml"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Find Comet's programs, also beside the Python that runs the tests."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return {name: require(name, INSTALL) for name in ("comet-sendvo", "twistd")}


@pytest.fixture
def receiver(programs: dict[str, str], tmp_path: Path) -> Iterator[VtpReceiver]:
    """Give a running receiver on a fresh store."""
    store = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    load(store, ROOT / "fixtures" / "initial_fixture.json")

    def done(_received: Received) -> None:
        return

    inbox = AlertInbox(store, tmp_path, ManualClock(Time("2022-09-30T11:12:20")))
    running = VtpReceiver(inbox.receive_all, done, port=0)
    running.start()
    yield running
    running.stop()
    inbox.close()
    store.close()


@contextmanager
def running_comet(directory: Path, *options: str, ports: tuple[int, ...] = ()) -> Iterator[None]:
    """Run Comet as a broker that saves what it gets in a directory."""
    words = comet_words(directory, "--save-event", f"--save-event-directory={directory}", *options)
    with running(words, directory, ports):
        yield


@pytest.fixture
def comet(programs: dict[str, str], tmp_path: Path, free_port: int) -> Iterator[int]:
    """Run Comet; give its port for authors."""
    options = ("--receive", f"--receive-port={free_port}")
    with running_comet(tmp_path, *options, ports=(free_port,)):
        yield free_port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Give a maker of our broker."""
    made: list[Broker] = []

    def make(**words: Any) -> Broker:
        running = Broker(BrokerSettings(local_ivo="ivo://pyros.test/us", **words), tmp_path / f"us{len(made)}")
        running.start()
        made.append(running)
        return running

    yield make
    for one in made:
        one.stop()


def comet_sendvo(program: str, port: int, file: Path) -> subprocess.CompletedProcess[str]:
    words = [program, "--host=127.0.0.1", f"--port={port}", f"--file={file}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_comet_sendvo_is_acknowledged(programs: dict[str, str], receiver: VtpReceiver) -> None:
    for _ in range(2):
        sent = comet_sendvo(programs["comet-sendvo"], receiver.port, PACKET)
        assert sent.returncode == 0, sent.stdout
        assert "Acknowledgement received" in sent.stdout


def test_comet_sendvo_learns_that_a_packet_was_refused(
    programs: dict[str, str], receiver: VtpReceiver, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(PACKET.read_bytes().replace(b"ivo://nasa", b"http://nasa"))
    sent = comet_sendvo(programs["comet-sendvo"], receiver.port, bad)
    assert sent.returncode == 1, sent.stdout
    assert "nak" in sent.stdout.lower()


def test_comet_takes_what_we_send_and_saves_it(comet: int, tmp_path: Path) -> None:
    raw = PACKET.read_bytes()
    assert send(raw, port=comet).ack
    assert not send(raw, port=comet).ack  # Comet refuses what it has seen
    deadline_s = time.monotonic() + 10
    while not (saved := list(tmp_path.glob("ivo__*"))):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert saved[0].read_bytes() == raw


def test_comet_listens_to_us(programs: dict[str, str], broker: Callable[..., Broker], tmp_path: Path) -> None:
    ours = broker(receive_port=0, broadcast_port=0)
    author, subscriber = ours.ports
    assert author is not None
    with running_comet(tmp_path, f"--remote=127.0.0.1:{subscriber}"):
        until(lambda: ours.subscribers, "Comet subscribes")
        raw = PACKET.read_bytes()
        assert send(raw, port=author).ack
        until(lambda: list(tmp_path.glob("ivo__*")), "Comet saves it")
        assert next(tmp_path.glob("ivo__*")).read_bytes() == raw


def test_comet_filters_at_our_side(programs: dict[str, str], broker: Callable[..., Broker], tmp_path: Path) -> None:
    ours = broker(receive_port=0, broadcast_port=0)
    author, subscriber = ours.ports
    assert author is not None
    options = (f"--remote=127.0.0.1:{subscriber}", "--filter=//Param[@name='TrigID' and @value='7']")
    with running_comet(tmp_path, *options):
        until(lambda: any(ours.filters), "Comet sends its filter")
        wanted = PACKET.read_bytes().replace(b'value="1125809"', b'value="7"').replace(b"Pos_1125809", b"Pos_7")
        assert send(PACKET.read_bytes(), port=author).ack
        assert send(wanted, port=author).ack
        until(lambda: list(tmp_path.glob("ivo__*")), "Comet saves it")
        assert [path.read_bytes() for path in tmp_path.glob("ivo__*")] == [wanted]


def test_we_listen_to_comet(
    programs: dict[str, str], broker: Callable[..., Broker], tmp_path: Path, free_port: int
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        cast = int(other.getsockname()[1])
    seen: list[bytes] = []
    options = ("--receive", f"--receive-port={free_port}", "--broadcast", f"--broadcast-port={cast}")
    with running_comet(tmp_path, *options, "--broadcast-test-interval=0", ports=(free_port, cast)):
        broker(remotes=[("127.0.0.1", cast)], plugins={"note": lambda packet: seen.append(packet.raw)})
        until(lambda: (tmp_path / "log").read_text().count("New subscriber") >= 2, "we subscribe")
        assert send(PACKET.read_bytes(), port=free_port).ack
        until(lambda: seen, "it comes to us")
        assert seen == [PACKET.read_bytes()]


def test_pygcn_listens_to_us(broker: Callable[..., Broker], tmp_path: Path) -> None:
    pytest.importorskip("gcn", reason="pip install pygcn (it is in the dev extra)")
    ours = broker(receive_port=0, broadcast_port=0)
    author, subscriber = ours.ports
    assert author is not None
    program = (
        "import gcn, sys\n"
        "def handler(payload, root):\n"
        "    open(sys.argv[2], 'wb').write(payload)\n"
        f"gcn.listen(host='127.0.0.1', port={subscriber}, handler=handler)\n"
    )
    got = tmp_path / "got.xml"
    client = subprocess.Popen(
        [sys.executable, "-c", program, "", str(got)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: ours.subscribers, "pygcn subscribes")
        assert send(PACKET.read_bytes(), port=author).ack
        until(lambda: got.is_file() and got.stat().st_size, "pygcn gets it")
        assert got.read_bytes() == PACKET.read_bytes()
    finally:
        client.kill()
        client.wait(10)


def test_our_broker_is_a_program(programs: dict[str, str], tmp_path: Path, free_port: int) -> None:
    words = [
        sys.executable,
        "-m",
        "pyros_kernel.alerts.cli",
        f"--receive-port={free_port}",
        "--local-ivo=ivo://a.b.c/d",
    ]
    words += [f"--eventdb={tmp_path / 'db'}", f"--save-event-directory={tmp_path / 'saved'}", "--quiet"]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert running.stderr is not None
        assert running.stderr.readline() == f"ready: authors {free_port}, subscribers -\n"
        sent = comet_sendvo(programs["comet-sendvo"], free_port, PACKET)
        assert sent.returncode == 0, sent.stdout
        until(lambda: list((tmp_path / "saved").glob("*.xml")), "it is saved")
        assert next((tmp_path / "saved").glob("*.xml")).read_bytes() == PACKET.read_bytes()
        running.terminate()
        assert running.wait(15) == 0
    finally:
        running.kill()
        running.communicate()
