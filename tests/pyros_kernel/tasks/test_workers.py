"""Workers as children of this process: started, looked at, stopped, and gone with it however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from pyros_kernel.settings import Settings
from pyros_kernel.tasks import Workers, app, ledger
from pyros_kernel.tasks.cli import tasks
from pyros_kernel.tasks.workers import WorkersError
from tests.waiting import until

HERE = Path(__file__).parent
WAIT_S = 30.0
CYCLES = 20 if os.environ.get("PYROS_REQUIRE") == "all" else 4  # 1.5 s each on a quiet machine


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    given = Settings.from_environment(tmp_path)
    app.use(given)
    yield given
    app.use(None)


def _operations() -> Any:
    import pyros_test_operations

    return pyros_test_operations


def _workers(settings: Settings, *queues: str) -> Workers:
    return Workers(settings, queues, [_operations().__name__])


def _traces(data: Path, strangers: set[psutil.Process]) -> tuple[Any, ...]:
    """What a process has that could leak.

    :param strangers: children that other tests of this process left to end in their own time (a guardian may be
        closing its dome)
    """
    me = psutil.Process()
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    broker = data / "tasks" / "broker"
    held = [p.name for part in ("taken", "new") if (broker / part).is_dir() for p in (broker / part).iterdir()]
    hosts = data / "tasks" / "hosts"
    return (
        set(me.children(recursive=True)) - strangers,
        {t.name for t in threading.enumerate()},
        me.num_fds(),
        handlers,
        held,
        list(hosts.iterdir()) if hosts.is_dir() else [],
    )


def test_starting_and_stopping_again_and_again_leaves_nothing_behind(settings: Settings) -> None:
    operations = _operations()
    workers = _workers(settings, "my_operations_q")
    strangers = set(psutil.Process().children(recursive=True))
    before: tuple[Any, ...] = ()
    for cycle in range(CYCLES):
        workers.start()
        assert operations.mul.delay(cycle, 2).get(timeout=WAIT_S) == 2 * cycle
        workers.stop()
        if cycle == 0:  # what is made once stays: modules, caches
            before = _traces(settings.data, strangers)
    assert _traces(settings.data, strangers) == before
    assert before[0] == set() and before[4] == before[5] == []


def test_when_stop_returns_every_process_of_the_workers_has_ended(settings: Settings) -> None:
    operations = _operations()
    before = set(psutil.Process().children(recursive=True))
    workers = _workers(settings, "my_operations_q").start()
    operations.expose.delay(60, str(settings.data))
    until((settings.data / "began").exists)
    family = set(psutil.Process().children(recursive=True)) - before
    assert len(family) == 4  # the host, its sweeper, the worker, and the process that runs its tasks
    workers.stop()
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_a_process_that_dies_while_it_waits_for_tasks_is_replaced(settings: Settings) -> None:
    operations = _operations()
    with _workers(settings, "my_operations_q") as workers:
        assert operations.mul.delay(2, 3).get(timeout=WAIT_S) == 6
        (worker,) = workers.status()
        (runs_tasks,) = psutil.Process(worker.pid).children()
        runs_tasks.kill()
        until(lambda: set(psutil.Process(worker.pid).children()) - {runs_tasks}, "another one runs tasks")
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        assert workers.status() == (worker,), "its worker is the same"


def test_a_kernel_that_is_killed_takes_its_workers_with_it(settings: Settings) -> None:
    _operations()
    code = (
        "import sys, time, pyros_test_operations as o\n"
        "from pyros_kernel.settings import Settings\n"
        "from pyros_kernel.tasks import Workers\n"
        f"w = Workers(Settings.from_environment({str(settings.data)!r}), ['my_operations_q'], [o.__name__]).start()\n"
        f"o.expose.delay(60, {str(settings.data)!r})\n"
        "print('started', flush=True)\ntime.sleep(100)\n"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert kernel.stdout is not None
    try:
        assert kernel.stdout.readline() == b"started\n"
        until((settings.data / "began").exists)
        family = psutil.Process(kernel.pid).children(recursive=True)
        assert len(family) == 4  # the host, its sweeper, the worker, and the process that runs its tasks
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdout.close()
    assert not psutil.wait_procs(family, timeout=WAIT_S)[1]
    assert (settings.data / "safe").exists()
    (row,) = ledger.choose()
    assert (row.state, row.reason) == ("REVOKED", "the workers were stopped")


def test_an_interrupt_of_the_cell_reaches_get_and_not_the_workers(settings: Settings) -> None:
    operations = _operations()
    with _workers(settings, "my_operations_q") as workers:
        result = operations.expose.delay(60, str(settings.data))
        until((settings.data / "began").exists)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            result.get(timeout=WAIT_S)
        assert workers.running
        (settings.data / "enough").touch()
        assert result.get(timeout=WAIT_S) == "exposed"


def test_a_second_worker_of_a_queue_stands_by_and_takes_over(settings: Settings) -> None:
    operations = _operations()
    first, second = _workers(settings, "my_operations_q"), _workers(settings, "my_operations_q")
    with first, second:
        assert [s.state for s in first.status()] == ["ready"]
        assert [s.state for s in second.status()] == ["taken"]
        first.stop()
        assert operations.mul.delay(4, 5).get(timeout=WAIT_S) == 20
        until(lambda: [s.state for s in second.status()] == ["ready"])


def test_what_may_run_again_waits_for_the_next_workers_when_they_are_stopped(settings: Settings) -> None:
    operations = _operations()
    with _workers(settings, "my_operations_q"):
        result = operations.long_rerun.delay(str(settings.data))
        waiting = operations.mul.delay(4, 5)
        until((settings.data / "first").exists)
    assert result.state == "PENDING"
    with _workers(settings, "my_operations_q"):
        assert result.get(timeout=WAIT_S) == "done"
        assert waiting.get(timeout=WAIT_S) == 20


def test_a_task_sent_while_the_broker_is_away_runs_when_it_is_back(settings: Settings) -> None:
    operations = _operations()
    broker = settings.data / "tasks" / "broker"
    operations.mul.delay(1, 1).revoke()
    (broker / "new").rmdir()
    (broker / "new").touch()  # as a full disk: nothing can be written there
    result = operations.mul.delay(4, 5)
    assert result.state == "PENDING"
    row = ledger.read(result.id)
    assert row is not None and row.published is None
    (broker / "new").unlink()
    (broker / "new").mkdir()
    with _workers(settings, "my_operations_q"):
        assert result.get(timeout=WAIT_S) == 20


def test_a_queue_that_nobody_sends_to_is_an_error_that_names_the_queues(settings: Settings) -> None:
    with pytest.raises(WorkersError, match=r"no task is sent to nonsense_q; the queues are .*scheduling_q"):
        Workers(settings, ["nonsense_q"]).start()


def test_tasks_are_listed_followed_and_revoked_in_the_terminal(settings: Settings) -> None:
    operations = _operations()
    result = operations.mul.delay(4, 5)

    def pyros(*words: str) -> tuple[int, str]:
        answer = CliRunner().invoke(tasks, words, obj=settings)
        return answer.exit_code, answer.output

    assert pyros("list")[1].split()[:2] == [result.id, "PENDING"]
    assert pyros("revoke", result.id, "no-such-task") == (
        1,
        f"{result.id}: it will not run\nno-such-task: there is no such task\n",
    )
    assert pyros("list") == (0, "")
    code, said = pyros("follow", result.id)
    assert code == 1 and said.endswith("operations.mul(4, 5): REVOKED, revoked by hand\n")
    assert pyros("follow", "no-such-task")[0] == 1
    with _workers(settings, "my_operations_q"):
        code, said = pyros("follow", operations.mul.delay(6, 7).id)
        assert code == 0 and said.endswith("operations.mul(6, 7): SUCCESS\n42\n")
