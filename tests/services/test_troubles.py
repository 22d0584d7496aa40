"""Brokers that restart, a disk that is full, and workers as a user runs them: on servers of these tests' own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from pyros_kernel.settings import Settings
from pyros_kernel.store import StoreError
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.spool import Spool
from tests.services.own_brokers import Broker, RabbitMQ, Redis
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


@pytest.fixture(params=[Redis, RabbitMQ])
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broker]:
    directory = tmp_path / "broker"
    directory.mkdir()
    server = request.param(directory, free_port)
    server.start()
    monkeypatch.setenv("PYROS_BROKER_URL", server.url)
    yield server
    server.kill()


@pytest.mark.timeout(400)
def test_a_broker_that_is_killed_and_comes_back_loses_no_task_and_runs_none_twice(
    operations: Any, broker: Broker, tmp_path: Path
) -> None:
    settings = Settings.from_environment(tmp_path / "data")
    with Workers(settings, ["my_operations_q"], [operations.__name__]):
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        running = operations.expose.delay(60, str(tmp_path))
        until((tmp_path / "began").exists, "it runs")
        waiting = [operations.mul.delay(number, 2) for number in range(3)]
        broker.kill()
        unsent = operations.mul.delay(7, 7)  # written down; the broker gets it when it is back
        (tmp_path / "enough").touch()
        assert running.get(timeout=WAIT_S) == "exposed"  # what runs does not need the broker
        broker.start()
        assert [each.get(timeout=2 * WAIT_S) for each in (*waiting, unsent)] == [0, 2, 4, 49]
        rows = [ledger.read(each.id) for each in (running, *waiting, unsent)]
        assert [row.tries for row in rows if row is not None] == [1] * 5


def _mount(directory: Path, size: str) -> None:
    """Mount a disk of that size, or skip the test."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here, which takes root: {made.stderr.strip()}")


def test_a_full_disk_refuses_a_message_whole_and_the_queue_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount(disk, "128k")
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


def test_what_can_t_be_written_down_is_not_sent(
    operations: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    app.use(Settings.from_environment(tmp_path))
    operations.mul.delay(1, 1)

    def away(_sent: object) -> None:
        raise OperationalError("INSERT", {}, OSError("the database is away"))

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "note_sent", away)
        with pytest.raises(OperationalError, match="the database is away"):
            operations.mul.delay(2, 2)
    spool = Spool(tmp_path / "tasks" / "broker")
    assert spool.size("my_operations_q") == 1
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 24 MB."""
    disk = tmp_path / "small"
    disk.mkdir()
    _mount(disk, "24m")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_workers_on_a_full_disk_lose_nothing_that_was_taken_and_go_on_when_there_is_room(
    operations: Any, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    settings = Settings.from_environment(small_disk)
    with Workers(settings, ["my_operations_q"], [operations.__name__]):
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        running = operations.expose.delay(60, str(tmp_path))
        until((tmp_path / "began").exists, "it runs")
        taken = [operations.mul.delay(number, 2) for number in range(3)]
        fill(small_disk / "filling")
        refused = 0
        for number in range(3, 60):  # what the database has set aside for itself still holds some
            try:
                taken.append(operations.mul.delay(number, 2))
            except (StoreError, DBAPIError):
                refused += 1
        assert refused > 0
        (tmp_path / "enough").touch()  # it ends while its result can't be written
        until((tmp_path / "safe").exists, "it has ended")
        (small_disk / "filling").unlink()
        assert running.get(timeout=WAIT_S) == "exposed"
        assert [each.get(timeout=WAIT_S) % 2 for each in taken] == [0] * len(taken)
        rows = [ledger.read(each.id) for each in (running, *taken)]
        assert {row.tries for row in rows if row is not None} == {1}
        assert not ledger.choose(*ledger.RUNNING, *ledger.WAITING)
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as filling:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while True:
                    filling.write(b"x" * size)


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
