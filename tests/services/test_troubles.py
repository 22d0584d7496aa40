"""Brokers that restart, a disk that is full, and workers as a user runs them: on servers of these tests' own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pyros_kernel.settings import Settings
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.spool import Spool
from tests.conftest import require
from tests.waiting import until

OPERATIONS = Path(__file__).parents[1] / "pyros_kernel" / "tasks"
WAIT_S = 60.0


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Workers replace their processes within a test; that none is left is looked at here."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    assert [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(OPERATIONS))
    monkeypatch.setenv("PYTHONPATH", str(OPERATIONS))
    import pyros_test_operations

    yield pyros_test_operations
    app.use(None)


class Redis:
    """A Redis of this test's own, which keeps what it has when it restarts."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory), "--save", ""]
        program = require("redis-server", "apt-get install redis-server")
        self.process = subprocess.Popen(
            [program, *words, "--appendonly", "yes", "--appendfsync", "always"], stdout=subprocess.DEVNULL
        )
        import redis

        def answers() -> bool:
            with redis.Redis(host="127.0.0.1", port=self.port) as client:
                try:
                    return bool(client.ping())
                except redis.exceptions.ConnectionError:
                    return False

        until(answers, "Redis answers")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_server(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    directory = tmp_path / "redis"
    directory.mkdir()
    server = Redis(directory, free_port)
    server.start()
    monkeypatch.setenv("PYROS_BROKER_URL", f"redis://127.0.0.1:{free_port}/0")
    yield server
    server.kill()


def test_a_broker_that_is_killed_and_comes_back_loses_no_task_and_runs_none_twice(
    operations: Any, redis_server: Redis, tmp_path: Path
) -> None:
    settings = Settings.from_environment(tmp_path / "data")
    with Workers(settings, ["my_operations_q"], [operations.__name__]):
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        running = operations.expose.delay(60, str(tmp_path))
        until((tmp_path / "began").exists, "it runs")
        waiting = [operations.mul.delay(number, 2) for number in range(3)]
        redis_server.kill()
        unsent = operations.mul.delay(7, 7)  # written down; the broker gets it when it is back
        (tmp_path / "enough").touch()
        assert running.get(timeout=WAIT_S) == "exposed"  # what runs does not need the broker
        redis_server.start()
        assert [each.get(timeout=WAIT_S) for each in (*waiting, unsent)] == [0, 2, 4, 49]
        rows = [ledger.read(each.id) for each in (running, *waiting, unsent)]
        assert [row.tries for row in rows if row is not None] == [1] * 5


def test_a_full_disk_refuses_a_message_whole_and_the_queue_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here, which takes root: {made.stderr.strip()}")
    try:
        spool = Spool(disk)
        spool.put("a_q", {"number": 0})
        sent = 1
        with pytest.raises(OSError, match="No space left") as caught:
            while sent < 1000:
                spool.put("a_q", {"number": sent, "filling": "x" * 4000})
                sent += 1
        assert caught.value.errno == errno.ENOSPC
        assert not list((disk / "new").iterdir())  # nothing half written takes the room
        found: list[int] = []
        while (taken := spool.take("a_q", keep=False)) is not None:
            found.append(taken[0]["number"])
        assert found == list(range(sent))
        spool.put("a_q", {"number": -1})
        spool.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_workers_are_run_in_a_terminal_and_end_with_ctrl_c(
    operations: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    monkeypatch.setenv("PYROS_TASKS", operations.__name__)
    settings = Settings.from_environment(tmp_path)
    command = [sys.executable, "-m", "pyros_kernel.cli", "--data", str(tmp_path), "workers"]
    app.use(settings)
    sent = operations.mul.delay(4, 5)  # before there is any worker
    with subprocess.Popen(
        [*command, "--queues", "my_operations_q,one_q"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        assert sorted(said) == ["ALL\n", "READY my_operations_q\n", "READY one_q\n"]
        assert sent.get(timeout=WAIT_S) == 20
        running = operations.expose.delay(60, str(tmp_path))
        until((tmp_path / "began").exists, "it runs")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WAIT_S) == 0
    assert (tmp_path / "safe").exists()
    until(lambda: running.state == "REVOKED", "what ran was told to end")
