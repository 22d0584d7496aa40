"""Tasks whose table is in PostgreSQL: the lock of a queue is the server's, and holds on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pyros_kernel.settings import Settings
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.queue_lock import QueueLock, is_free
from pyros_kernel.tasks.results import TaskLost
from tests.waiting import until

OPERATIONS = Path(__file__).parents[1] / "pyros_kernel" / "tasks"
WAIT_S = 30.0
HOLD = """
import sys, time
from pyros_kernel.settings import Settings
from pyros_kernel.tasks import place
from pyros_kernel.tasks.queue_lock import QueueLock
from tests.waiting import until
place.set_settings(Settings.from_environment(sys.argv[1]))
print(QueueLock("queue:one_q").acquire(), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def no_leaks() -> None:
    """Not here: workers replace their processes within a test."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    try:
        server = psycopg.connect("host=127.0.0.1 user=postgres dbname=postgres connect_timeout=3", autocommit=True)
    except psycopg.OperationalError as error:
        message = f"no PostgreSQL server at 127.0.0.1:5432: apt-get install postgresql ({error})"
        if os.environ.get("PYROS_REQUIRE") == "all":
            pytest.fail(message)
        pytest.skip(message)
    name = f"pyros_{uuid.uuid4().hex}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        monkeypatch.setenv("PYROS_DATABASE_URL", f"postgresql://postgres@127.0.0.1:5432/{name}")
        monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
        monkeypatch.syspath_prepend(str(OPERATIONS))
        monkeypatch.setenv("PYTHONPATH", str(OPERATIONS))
        given = Settings.from_environment(tmp_path)
        app.use(given)
        yield given
        app.use(None)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_lock_holds_for_all_and_is_free_when_its_holder_is_killed(settings: Settings, tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "another machine")], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"True\n"
    assert not is_free("queue:one_q")
    assert is_free("queue:two_q")
    other.kill()
    other.wait()
    other.stdout.close()
    lock = QueueLock("queue:one_q")
    assert lock.acquire(WAIT_S)
    lock.release()


def test_tasks_run_end_and_die_as_with_sqlite(settings: Settings) -> None:
    import pyros_test_operations as ops

    with Workers(settings, ["my_operations_q"], [ops.__name__]):
        assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        running = ops.expose.delay(60, str(settings.data))
        until((settings.data / "began").exists)
        running.revoke(terminate=True)
        until(lambda: running.state == "REVOKED")
        assert (settings.data / "safe").exists()
        with pytest.raises(TaskLost):
            ops.die.delay(str(settings.data)).get(timeout=WAIT_S)
        assert ops.die_once.delay(str(settings.data)).get(timeout=WAIT_S) == "survived"
        assert [row.state for row in ledger.choose()] == ["SUCCESS", "REVOKED", "LOST", "SUCCESS"]
