"""The command line, as a user types it: real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyros_kernel.settings import ROOT

BURST = ROOT / "fixtures" / "swift_bat_grb_1125809.xml"


def pyros(*words: str, data: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pyros_kernel.cli", "--data", str(data), *words],
        input=stdin,
        capture_output=True,
        cwd=data,
        timeout=60,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    said = pyros("--help", data=tmp_path).stdout.decode()
    for command in ("lab", "night", "simulators", "agents", "dumpdata", "loaddata", "sendvo", "doctor"):
        assert command in said


def test_dump_and_load_give_the_same_objects_back(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert pyros("loaddata", "initial_fixture.json", data=first).returncode == 0
    dumped = pyros("dumpdata", "--indent", "4", "common", "auth.User", data=first)
    assert dumped.returncode == 0
    objects = json.loads(dumped.stdout)
    assert {"auth.user", "common.site", "common.device"} <= {o["model"] for o in objects}
    fixture = tmp_path / "dumped.json"
    fixture.write_bytes(dumped.stdout)
    loaded = pyros("loaddata", str(fixture), data=second)
    assert loaded.stdout.decode().strip() == f"{len(objects)} objects loaded"
    assert pyros("dumpdata", "--indent", "4", "common", "auth.User", data=second).stdout == dumped.stdout


def test_a_bad_fixture_is_refused_with_file_object_and_field(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('[{"model": "common.site", "pk": 1, "fields": {"latitude": 3}}]')
    done = pyros("loaddata", str(bad), data=tmp_path)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "bad.json" in said and "latitude" in said and "Traceback" not in said


def test_doctor_says_for_each_what_is_wrong_and_what_mends_it(tmp_path: Path) -> None:
    done = pyros("doctor", "--json", data=tmp_path)
    findings = json.loads(done.stdout)
    assert {f["name"] for f in findings} >= {"Python", "database", "disk space"} or len(findings) >= 9
    assert all(f["mend"] for f in findings if f["ok"] is False)


def test_sendvo_says_so_where_nobody_listens(tmp_path: Path, free_port: int) -> None:
    done = pyros("sendvo", "--port", str(free_port), "-f", str(BURST), data=tmp_path)
    assert done.returncode == 1
    assert str(free_port) in done.stderr.decode() and "Traceback" not in done.stderr.decode()


def wait_for_port(port: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens on {port}"
        time.sleep(0.05)


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """Give a data directory whose devices and agents have ports of their own."""
    assert pyros("loaddata", "initial_fixture.json", data=tmp_path).returncode == 0
    dumped = json.loads(pyros("dumpdata", "common.Device", data=tmp_path).stdout)
    base = 21000 + os.getpid() % 8000
    for number, device in enumerate(dumped):
        if device["fields"]["address"]:
            word = device["fields"]["address"].rpartition("/")[2]
            device["fields"]["address"] = f"pyros://127.0.0.1:{base + number}/{word}"
    fixture = tmp_path / "devices.json"
    fixture.write_text(json.dumps(dumped))
    assert pyros("loaddata", str(fixture), data=tmp_path).returncode == 0
    return tmp_path


def test_simulators_serve_where_the_store_says_and_end_with_a_signal(moved: Path) -> None:
    devices = json.loads(pyros("dumpdata", "common.Device", data=moved).stdout)
    address = next(d["fields"]["address"] for d in devices if d["fields"]["kind"] == "telescope")
    port = int(address.partition("127.0.0.1:")[2].partition("/")[0])
    with subprocess.Popen(
        [sys.executable, "-m", "pyros_kernel.cli", "--data", str(moved), "simulators"], stdout=subprocess.PIPE
    ) as process:
        wait_for_port(port)
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(b"TELESCOPE GET STATUS\n")
            assert link.recv(4096).startswith(b"OK ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_agents_run_headless_and_stop_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pyros_kernel.cli", "--data", str(tmp_path), "agents"]
    with subprocess.Popen(
        [*command, "start", "--simulate"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"observatory San Pedro" in line:
                break
        status = pyros("agents", "status", data=tmp_path)
        assert status.returncode == 0
        assert status.stdout.count(b"running") == 5, status.stdout.decode()
        second = pyros("agents", "start", "--simulate", data=tmp_path)
        assert second.returncode == 1
        assert str(process.pid) in second.stderr.decode()
        stopped = pyros("agents", "stop", data=tmp_path)
        assert stopped.returncode == 0, stopped.stdout.decode()
        process.stdout.read()
        assert process.wait(30) == 0
    assert pyros("agents", "status", data=tmp_path).returncode == 1
