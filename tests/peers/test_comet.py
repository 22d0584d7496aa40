"""Comet 3.1 and PyROS understand each other, both ways, as real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.time import Time

from pyros_kernel.alerts import AlertInbox, Received, VtpReceiver, send
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store, load
from tests.conftest import require

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

    running = VtpReceiver(AlertInbox(store, tmp_path, ManualClock(Time("2022-09-30T11:12:20"))).receive_all, done, port=0)
    running.start()
    yield running
    running.stop()
    store.close()


@pytest.fixture
def comet(programs: dict[str, str], tmp_path: Path, free_port: int) -> Iterator[int]:
    """Run Comet as a broker that saves what it gets; give its port for authors."""
    words = [programs["twistd"], "-n", "--pidfile=", "comet", "--receive", f"--receive-port={free_port}"]
    words += ["--local-ivo=ivo://pyros.test/comet", f"--eventdb={tmp_path}"]
    words += ["--save-event", f"--save-event-directory={tmp_path}"]
    with (tmp_path / "comet.log").open("wb") as log:
        broker = subprocess.Popen(words, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline_s = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", free_port), timeout=1).close()
                break
            except OSError:
                if broker.poll() is not None or time.monotonic() > deadline_s:
                    pytest.fail(f"Comet did not start: {(tmp_path / 'comet.log').read_text()}")
                time.sleep(0.05)
        yield free_port
    finally:
        broker.terminate()
        broker.wait(10)


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
