"""Alerts taken by a child process of the kernel."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.agents import AgentConfig
from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.alerts import CannotListen, NotDelivered, send
from pyros_kernel.alerts.intake_process import IntakeProcess
from pyros_kernel.alerts.transport import VtpReceiver
from pyros_kernel.clock import Clock
from pyros_kernel.settings import ROOT, Settings
from pyros_kernel.store import Alert, AlertStatus, Store
from tests.waiting import until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


@dataclass
class Services:
    store: Store
    clock: Clock
    settings: Settings


def packet(number: int) -> bytes:
    return SWIFT.replace(b"1125809", str(number).encode())


@pytest.fixture
def manager(store: Store, tmp_path: Path, config: AgentConfig) -> Iterator[AlertManager]:
    settings = Settings(tmp_path, store.url, tmp_path / "pyros_agent_config.ini", alerts_apart=True)
    agent = AlertManager(Services(store, Clock(Time("2022-09-30T11:12:20")), settings), port=0, config=config)
    agent.start()
    until(lambda: agent.state == "running")
    yield agent
    assert agent.stop()


def statuses(store: Store) -> list[AlertStatus]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Alert.status).order_by(Alert.id)))


def test_a_process_takes_alerts_and_the_kernel_decides(manager: AlertManager, store: Store, tmp_path: Path) -> None:
    intake = manager.intake
    assert isinstance(intake, IntakeProcess)
    assert intake.pid not in {None, os.getpid()}
    assert send(SWIFT, port=manager.port).ack
    assert send(SWIFT, port=manager.port).text == "received before"
    assert not send(b"nonsense", port=manager.port).ack
    until(lambda: statuses(store) == [AlertStatus.ACCEPTED], "the kernel decided")
    until(lambda: manager.status()["counts"] == {"received": 1, "duplicate": 1, "refused": 1, "accepted": 1})
    with store.session(read_only=True) as session:
        alert = session.scalars(select(Alert)).one()
    assert alert.source.startswith("vtp:127.0.0.1:")
    assert str(alert.received).startswith("2022-09-30 11:1"), "by the observatory's clock"
    assert list(alert.steps) == ["parsed", "stored", "acknowledged", "decided", "requested"]
    assert list(alert.steps.values()) == sorted(alert.steps.values())

    # All other inputs live there too.
    watched = tmp_path / "watched"
    watched.mkdir()
    caster = intake.broadcast(0)
    upstream = intake.subscribe("127.0.0.1", caster.port)
    looking = intake.watch(str(watched))
    until(lambda: "1 subscribers" in str(caster), "it listens to itself")
    (watched / "a.xml").write_bytes(packet(2_000_001))
    until(lambda: len(statuses(store)) == 2, "the file was taken")
    until(lambda: "last heard" in str(upstream), "and came back by the other broker")
    assert "1 files taken" in str(looking)
    assert "No such file" in intake.take("/no/such.xml")
    assert intake.bring(packet(2_000_002), "replay:b.xml").ack
    assert "received before" in intake.bring(packet(2_000_002), "replay:b.xml").text
    assert not intake.bring(b"nonsense", "replay:c.xml").ack
    with pytest.raises(CannotListen, match="Address already in use"):
        intake.broadcast(caster.port)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    manager: AlertManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = manager.intake
    assert isinstance(intake, IntakeProcess)
    slow = tmp_path / "slow.xml"
    os.mkfifo(slow)  # whoever reads it waits until somebody writes
    with monkeypatch.context() as patch:
        patch.setattr("pyros_kernel.alerts.intake_process._ANSWER_S", 0.2)
        with pytest.raises(CannotListen, match="does not answer"):
            intake.take(str(slow))
    slow.write_bytes(b"nonsense")
    assert "No such file" in intake.take("/no/such.xml")


def test_a_killed_process_is_started_again_and_loses_nothing(manager: AlertManager, store: Store) -> None:
    intake = manager.intake
    assert isinstance(intake, IntakeProcess)
    caster = intake.broadcast(0)
    before, port = intake.pid, manager.port
    assert before is not None
    # It is stopped between storing and telling: the kernel hears of it from the next process.
    assert send(packet(2_000_001), port=port).ack
    os.kill(before, signal.SIGKILL)
    until(lambda: intake.pid not in {None, before}, "a new process")
    assert manager.port == port

    def delivered() -> bool:
        try:
            return send(packet(2_000_002), port=port).ack
        except NotDelivered:
            return False

    until(delivered, "the same port is open again")
    until(lambda: statuses(store) == [AlertStatus.ACCEPTED] * 2, "both were decided about")
    until(lambda: _listens(caster.port), "subscribers are served again")


def _listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def test_it_ends_with_a_kernel_that_is_killed(tmp_path: Path, store: Store) -> None:
    code = f"""
import time
from pathlib import Path
from pyros_kernel.alerts.intake_process import IntakeProcess
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store
store = Store.open({store.url!r})
intake = IntakeProcess(store, Path({str(tmp_path)!r}), Clock(), host="127.0.0.1", port=0, act=print, counted=print)
intake.start()
print(intake.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout is not None
        pid = int(kernel.stdout.readline())
        kernel.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "it ended")


def test_a_taken_port_is_told(tmp_path: Path, store: Store) -> None:
    holder = VtpReceiver(lambda _a: [], lambda _r: None, port=0)
    holder.start()
    try:
        intake = IntakeProcess(
            store, tmp_path, Clock(), host="127.0.0.1", port=holder.port, act=lambda _r: None, counted=lambda _w: None
        )
        with pytest.raises(CannotListen, match=rf"127.0.0.1:{holder.port}: Address already in use"):
            intake.start()
        intake.stop()
    finally:
        holder.stop()
