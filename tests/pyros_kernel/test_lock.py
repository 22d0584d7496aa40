"""One observatory per data directory, whatever becomes of its holder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyros_kernel.lock import DataLock, Held, is_held, read_holder

HOLD = """
import sys
from pyros_kernel.lock import DataLock
lock = DataLock(sys.argv[1], "headless")
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def _other_process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    with _other_process(tmp_path) as other:
        with pytest.raises(Held) as caught:
            DataLock(tmp_path).acquire()
        holder = caught.value.holder
        assert holder is not None
        assert (holder.pid, holder.host, holder.what) == (other.pid, socket.gethostname(), "headless")
        assert abs((datetime.now(UTC) - datetime.fromisoformat(holder.since)).total_seconds()) < 120
        for word in (str(tmp_path), str(other.pid), "headless", holder.since, f"kill {other.pid}", "PYROS_DATA"):
            assert word in str(caught.value)
        assert is_held(tmp_path / "observatory.lock")


def test_a_killed_holder_is_no_obstacle(tmp_path: Path) -> None:
    with _other_process(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        assert not is_held(tmp_path / "observatory.lock")
        stale = read_holder(tmp_path / "observatory.lock")
        assert stale is not None and stale.pid == other.pid
        with DataLock(tmp_path, "notebook"):
            mine = read_holder(tmp_path / "observatory.lock")
            assert mine is not None and (mine.pid, mine.what) == (os.getpid(), "notebook")


def test_the_same_process_cannot_have_it_twice(tmp_path: Path) -> None:
    with DataLock(tmp_path), pytest.raises(Held, match=f"process {os.getpid()} "):
        DataLock(tmp_path).acquire()


def test_release_and_acquire_are_idempotent_and_can_be_repeated(tmp_path: Path) -> None:
    lock = DataLock(tmp_path / "new" / "data")
    for _ in range(3):
        lock.acquire()
        lock.acquire()
        lock.release()
        lock.release()
    with DataLock(tmp_path / "new" / "data"):
        pass
    assert read_holder(lock.path) is None


def test_a_child_process_that_outlives_the_holder_does_not_keep_it(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        with DataLock(tmp_path):
            pass
        child.kill()


@pytest.mark.parametrize("content", ["", "not JSON", "[]", '{"pid": "x"}', "\x00\xff"])
def test_what_lies_in_the_file_is_no_obstacle(tmp_path: Path, content: str) -> None:
    (tmp_path / "observatory.lock").write_text(content, encoding="latin-1")
    assert read_holder(tmp_path / "observatory.lock") is None
    with DataLock(tmp_path):
        with pytest.raises(Held):
            DataLock(tmp_path).acquire()
        (tmp_path / "observatory.lock").write_text(content, encoding="latin-1")
        with pytest.raises(Held, match="held by another process"):
            DataLock(tmp_path).acquire()


def test_of_many_threads_one_gets_it(tmp_path: Path) -> None:
    locks = [DataLock(tmp_path) for _ in range(8)]
    refused: list[Held] = []
    start = threading.Barrier(8)

    def work(lock: DataLock) -> None:
        start.wait(10)
        try:
            lock.acquire()
        except Held as error:
            refused.append(error)

    threads = [threading.Thread(target=work, args=(lock,), name="pyros-test") for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(refused) == 7
    for lock in locks:
        lock.release()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        DataLock(tmp_path / "file" / "data").acquire()


def test_looking_makes_no_file(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "observatory.lock")
    assert not (tmp_path / "observatory.lock").exists()


def test_somebody_who_only_looks_is_no_obstacle(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    lock.release()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            is_held(lock.path)
            stop.wait(0.0002)

    looker = threading.Thread(target=look, name="pyros-test-looker")
    looker.start()
    try:
        for _ in range(200):
            lock.acquire()
            lock.release()
    finally:
        stop.set()
        looker.join(10)
