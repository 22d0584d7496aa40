"""The doctor, with patients that are really ill."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from pyros_kernel.agents.config import Address, AgentConfig
from pyros_kernel.doctor import Finding, examine
from pyros_kernel.doctor.computer import clock, disk, iers, packages, python
from pyros_kernel.doctor.leftovers import lock, pid_files
from pyros_kernel.doctor.ports import agent_ports, device_ports
from pyros_kernel.doctor.services import broker, database
from pyros_kernel.lock import DataLock
from pyros_kernel.settings import Settings
from pyros_kernel.store import Device, Store
from pyros_kernel.store.schema import head

LISTEN = """
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("listening", flush=True)
sys.stdin.readline()
"""


@contextmanager
def _listener(port: int) -> Iterator[int]:
    """Let another process hold a port."""
    command = [sys.executable, "-c", LISTEN, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            yield process.pid
        finally:
            process.kill()


def _bad(finding: Finding) -> bool:
    """Whether it failed, and names a command."""
    return finding.ok is False and bool(finding.mend)


def _dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_healthy_installation(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    AgentConfig.with_free_ports().write(tmp_path / "pyros_agent_config.ini")
    settings = Settings(tmp_path, f"sqlite:///{tmp_path / 'pyros.sqlite'}", tmp_path / "pyros_agent_config.ini")
    findings = {f.name: f for f in examine(settings)}
    assert len(findings) == 11
    for name in ("Python", "packages", "database", "broker", "ports of agents", "lock", "pid files"):
        assert findings[name].ok, findings[name]
        assert not findings[name].mend
    assert f"schema {head()}" in findings["database"].what
    assert all(f.what for f in findings.values())
    assert all(f.mend for f in findings.values() if f.ok is False)


def test_looking_at_nothing_makes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    findings = {f.name: f for f in examine(Settings(data, f"sqlite:///{data / 'p.sqlite'}", data / "agents.ini"))}
    assert findings["database"].ok is None and findings["database"].mend == "pyros setup"
    assert not data.exists()


def test_an_old_python_is_named() -> None:
    finding = python("3.10.2")
    assert _bad(finding) and "3.10.2, needs >=3.11" in finding.what
    assert python().ok


def test_missing_and_old_packages_are_named() -> None:
    finding = packages(["numpy>=999", "no-such-package-of-pyros", "astropy", "absent; python_version < '3'"])
    assert _bad(finding)
    assert finding.what.startswith("numpy is ") and "needs >=999; no-such-package-of-pyros is missing" in finding.what
    assert "astropy" not in finding.what and "absent" not in finding.what
    assert packages().ok


def test_an_unreachable_database(free_port: int) -> None:
    finding = database(f"postgresql://astro:secret@127.0.0.1:{free_port}/pyros")
    assert _bad(finding)
    assert str(free_port) in finding.what and "secret" not in finding.what + finding.mend
    assert f"pg_isready -h 127.0.0.1 -p {free_port}" in finding.mend


def test_a_broken_newer_or_impossible_database(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all " * 1000)
    finding = database(f"sqlite:///{broken}")
    assert _bad(finding) and "not a database" in finding.what and f"mv {broken}" in finding.mend
    url = f"sqlite:///{tmp_path / 'pyros.sqlite'}"
    assert database(url).ok
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    finding = database(url)
    assert _bad(finding) and "9999, newer" in finding.what and "git pull" in finding.mend
    assert device_ports(url, tmp_path).ok is None
    assert _bad(database("mysql://127.0.0.1/pyros"))
    assert _bad(database("nonsense"))


def test_an_empty_database_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite").touch()
    finding = database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    assert finding.ok is None and finding.mend == "pyros setup"


def test_the_broker(free_port: int) -> None:
    assert broker("").ok and "embedded" in broker("").what
    finding = broker(f"amqp://guest:secret@127.0.0.1:{free_port}//")
    assert _bad(finding) and f"127.0.0.1:{free_port}" in finding.what and "secret" not in finding.what
    with closing(socket.create_server(("127.0.0.1", free_port))):
        assert broker(f"redis://127.0.0.1:{free_port}/0").ok
    for nonsense in ("rabbit", "amqp://", "amqp://127.0.0.1:port//", "ftp://127.0.0.1/"):
        assert _bad(broker(nonsense)), nonsense


def test_a_port_held_by_a_stranger_is_named_with_its_process(tmp_path: Path, free_port: int) -> None:
    config = tmp_path / "agents.ini"
    AgentConfig({"Majordome": Address("127.0.0.1", free_port)}).write(config)
    assert agent_ports(config, tmp_path).ok
    with _listener(free_port) as pid:
        finding = agent_ports(config, tmp_path)
        assert _bad(finding)
        assert f"127.0.0.1:{free_port} (Majordome) is held by process {pid}" in finding.what
        assert f"kill {pid}" in finding.mend and str(config) in finding.mend


def test_a_port_held_by_the_running_observatory_is_fine(tmp_path: Path, free_port: int) -> None:
    config = tmp_path / "agents.ini"
    AgentConfig({"Majordome": Address("127.0.0.1", free_port)}).write(config)
    with closing(socket.create_server(("127.0.0.1", free_port))):
        assert _bad(agent_ports(config, tmp_path))
        with DataLock(tmp_path):
            finding = agent_ports(config, tmp_path)
    assert finding.ok and "1 held by PyROS" in finding.what


def test_an_agent_config_that_cannot_be_read(tmp_path: Path) -> None:
    config = tmp_path / "agents.ini"
    config.write_text("[Majordome]\nip = 127.0.0.1\nport = many\n")
    finding = agent_ports(config, tmp_path)
    assert _bad(finding) and "port = many" in finding.what and str(config) in finding.mend


def test_the_ports_of_devices_come_from_the_store(store: Store, tmp_path: Path, free_port: int) -> None:
    with store.session() as session:
        for device in session.scalars(select(Device)):
            device.address = ""
        session.scalars(
            select(Device).where(Device.name == "dome")
        ).one().address = f"pyros://127.0.0.1:{free_port}/DOME"
        session.scalars(select(Device).where(Device.name == "plc")).one().address = "pyros://plc.example.org:11115/PLC"
        session.scalars(select(Device).where(Device.name == "focuser")).one().address = "indi://127.0.0.1:no/Focuser"
    url = f"sqlite:///{tmp_path / 'pyros.sqlite'}"
    assert device_ports(url, tmp_path) == Finding("ports of devices", True, "1 in all: 1 free, 0 held by PyROS")
    with _listener(free_port) as pid:
        finding = device_ports(url, tmp_path)
    assert _bad(finding) and f"(dome) is held by process {pid}" in finding.what


def test_locks(tmp_path: Path) -> None:
    assert "nobody holds" in lock(tmp_path).what
    held = DataLock(tmp_path, "headless")
    held.acquire()
    left = (tmp_path / "observatory.lock").read_text()
    assert f"process {os.getpid()}" in lock(tmp_path).what and "runs here" in lock(tmp_path).what
    held.release()
    (tmp_path / "observatory.lock").write_text(left)
    finding = lock(tmp_path)
    assert finding.ok and "gone" in finding.what


def test_stale_pid_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    (data / "living.pid").write_text(f"{os.getpid()}\n")
    (data / "letter.pid").write_text("not a number")
    assert pid_files([data]).ok
    (tmp_path / "twistd.pid").write_text(str(_dead_pid()))
    (tmp_path / "twistd.log").touch()
    finding = pid_files([data, tmp_path / "nowhere"])
    assert _bad(finding) and "twistd.pid names a process that is gone" in finding.what
    assert finding.mend == f"rm {tmp_path / 'twistd.pid'} {tmp_path / 'twistd.log'}"
    (tmp_path / "twistd.pid").unlink()
    reused = data / "reused.pid"  # written long before the process of that number began
    reused.write_text(str(os.getpid()))
    os.utime(reused, (1e9, 1e9))
    assert _bad(pid_files([data]))
    reused.write_text("999999999999999999999999")
    assert _bad(pid_files([data]))


def test_disk_space(tmp_path: Path) -> None:
    assert disk(tmp_path / "not" / "yet", needed_gb=0.0).ok
    finding = disk(tmp_path, needed_gb=1e9)
    assert _bad(finding) and str(tmp_path) in finding.mend


def test_iers_data_that_end_before_now() -> None:
    assert iers(datetime(2022, 9, 30, tzinfo=UTC)).ok
    finding = iers(datetime(2199, 1, 1, tzinfo=UTC))
    assert _bad(finding) and "astropy-iers-data" in finding.mend


def test_clocks() -> None:
    assert clock(synchronised=lambda: True).ok
    assert clock(synchronised=lambda: None).ok is None
    unsure = clock(synchronised=lambda: False)
    assert unsure.ok is None and "NTP" in unsure.what and unsure.mend
    assert clock().ok is not False  # the system's own answer
    past = clock(wall=lambda: 1000.0)
    assert _bad(past) and "1970-01-01" in past.what
    ticks = itertools.count(4e9, 60.0)
    assert _bad(clock(wall=lambda: next(ticks), synchronised=lambda: True))
