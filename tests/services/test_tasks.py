"""What tasks promise, the same on every broker: files in the data directory, Redis, RabbitMQ."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from celery import chain, group
from celery.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from kombu.exceptions import EncodeError
from sqlalchemy import select

from pyros_kernel.settings import Settings
from pyros_kernel.store import Claim
from pyros_kernel.tasks import Workers, app, ledger, place
from pyros_kernel.tasks.results import TaskLost
from tests.waiting import until

OPERATIONS = Path(__file__).parents[1] / "pyros_kernel" / "tasks"
WAIT_S = 30.0


def _missing(what: str) -> None:
    if os.environ.get("PYROS_REQUIRE") == "all":
        pytest.fail(what)
    pytest.skip(what)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _redis() -> Iterator[str]:
    if not _listens(6379):
        _missing("no Redis at 127.0.0.1:6379: apt-get install redis-server, and start it")
    import redis

    for number in range(15, 0, -1):
        with redis.Redis(host="127.0.0.1", db=number) as client:
            if client.set("pyros-tests", os.getpid(), nx=True, ex=600):  # nobody else's
                client.flushdb()
                client.set("pyros-tests", os.getpid(), ex=600)
                yield f"redis://127.0.0.1:6379/{number}"
                client.flushdb()
                return
    pytest.fail("every database of this Redis is in use")


def _rabbitmq() -> Iterator[str]:
    if not _listens(5672):
        _missing("no RabbitMQ at 127.0.0.1:5672: apt-get install rabbitmq-server, and start it")
    host = f"pyros_tests_{os.getpid()}"
    made = subprocess.run(["rabbitmqctl", "-q", "add_vhost", host], capture_output=True, text=True, check=False)
    if made.returncode:
        _missing(f"this user may not make a virtual host of RabbitMQ: {made.stderr.strip()}")
    subprocess.run(["rabbitmqctl", "-q", "set_permissions", "-p", host, "guest", ".*", ".*", ".*"], check=True)
    yield f"amqp://guest:guest@127.0.0.1:5672/{host}"
    subprocess.run(["rabbitmqctl", "-q", "delete_vhost", host], check=True)


@pytest.fixture(autouse=True)
def no_leaks() -> None:
    """Not here: workers replace their processes within a test.  That none is left, `workers` sees to."""


@pytest.fixture(scope="module", params=["embedded", "redis", "rabbitmq"])
def workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    made = {"embedded": lambda: iter([""]), "redis": _redis, "rabbitmq": _rabbitmq}[request.param]()
    url = next(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(OPERATIONS))
        patch.setenv("PYTHONPATH", str(OPERATIONS))
        patch.setenv("PYROS_BROKER_URL", url)
        import pyros_test_operations as operations

        before = set(psutil.Process().children(recursive=True))
        settings = Settings.from_environment(tmp_path_factory.mktemp(request.param))
        with Workers(settings, operations.QUEUES, [operations.__name__]) as started:
            yield started
        app.use(None)
        assert set(psutil.Process().children(recursive=True)) == before
    for _ in made:
        pass


@pytest.fixture
def ops(workers: Workers) -> Iterator[ModuleType]:
    import pyros_test_operations as operations

    yield operations
    for row in ledger.choose(*ledger.RUNNING, *ledger.WAITING):
        app.control.revoke(row.uuid, terminate=True)
    until(lambda: not ledger.choose(*ledger.RUNNING, *ledger.WAITING))
    app.let_go()


def test_the_seed_s_example(ops: ModuleType) -> None:
    result = ops.mul.delay(4, 5)
    assert result.get(timeout=WAIT_S) == 20
    assert result.state == "SUCCESS"
    row = ledger.read(result.id)
    assert row is not None
    assert (row.name, row.queue, row.arguments, row.tries) == ("operations.mul", "my_operations_q", "4, 5", 1)


def test_a_task_goes_to_the_queue_of_its_kind(ops: ModuleType, tmp_path: Path, workers: Workers) -> None:
    assert sorted(status.queue for status in workers.status()) == sorted(ops.QUEUES)
    ops.schedule.delay(str(tmp_path / "log"), "a").get(timeout=WAIT_S)
    one, other = (ledger.choose("SUCCESS", also=lambda q, n=n: q.filter_by(queue=n))[-1] for n in ("one_q", "one_q"))
    assert one.worker == other.worker
    before = ops.mul.delay(1, 1)
    before.get(timeout=WAIT_S)
    assert ledger.read(before.id).worker != one.worker


def test_countdown_and_eta_are_waited_for(ops: ModuleType) -> None:
    for options in ({"countdown": 0.7}, {"eta": ledger.now() + timedelta(seconds=0.9)}):
        result = ops.mul.apply_async((2, 3), **options)
        assert result.get(timeout=WAIT_S) == 6
        row = ledger.read(result.id)
        assert row.started >= row.due > row.sent


def test_an_eta_can_be_revoked(ops: ModuleType) -> None:
    result = ops.mul.apply_async((2, 3), countdown=0.5)
    result.revoke()
    assert result.state == "REVOKED"
    ops.mul.apply_async((2, 3), countdown=0.8).get(timeout=WAIT_S)
    assert ledger.read(result.id).tries == 0


def test_a_waiting_task_is_revoked_at_once_and_never_runs(ops: ModuleType, tmp_path: Path) -> None:
    running = ops.expose.delay(60, str(tmp_path))
    until((tmp_path / "began").exists)
    waiting = ops.mul.delay(4, 5)
    waiting.revoke()
    assert waiting.state == "REVOKED"
    (tmp_path / "enough").touch()
    assert running.get(timeout=WAIT_S) == "exposed"
    ops.mul.delay(1, 1).get(timeout=WAIT_S)  # the worker is past it
    assert ledger.read(waiting.id).tries == 0
    with pytest.raises(TaskRevokedError):
        waiting.get(timeout=WAIT_S)


def test_progress_is_seen(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.expose.delay(60, str(tmp_path))
    until(lambda: result.state == "PROGRESS" and result.info["done"] > 2)
    assert result.info["total"] == 100
    (tmp_path / "enough").touch()
    assert result.get(timeout=WAIT_S) == "exposed"


def test_revoke_without_terminate_lets_it_run(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.expose.delay(60, str(tmp_path))
    until((tmp_path / "began").exists)
    result.revoke()
    (tmp_path / "enough").touch()
    assert result.get(timeout=WAIT_S) == "exposed"


def test_revoked_means_that_it_has_ended_and_left_things_safe(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.expose.delay(60, str(tmp_path))
    until((tmp_path / "began").exists)
    result.revoke(terminate=True)
    until(lambda: result.state == "REVOKED")
    assert (tmp_path / "safe").exists()
    assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20


def test_what_doesnt_end_is_killed_and_revoked_only_then(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.stubborn.delay(str(tmp_path))
    pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    result.revoke(terminate=True)
    until((tmp_path / "ignored").exists)
    until(lambda: result.state == "REVOKED")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20


def test_time_limits(ops: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        ops.hang.delay(str(tmp_path)).get(timeout=WAIT_S)
    assert (tmp_path / "safe").exists()
    with pytest.raises(TimeLimitExceeded):
        ops.hang_hard.delay().get(timeout=WAIT_S)
    assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20


def test_retries_with_back_off(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.flaky.delay(str(tmp_path), 2)
    assert result.get(timeout=WAIT_S) == 3
    assert ledger.read(result.id).retries == 2


def test_an_exception_comes_back(ops: ModuleType) -> None:
    with pytest.raises(ValueError, match="no such star"):
        ops.fail.delay().get(timeout=WAIT_S)


def test_a_sequence_is_a_chain_whose_plans_run_in_parallel(ops: ModuleType, tmp_path: Path) -> None:
    plans = group(ops.vis.s(str(tmp_path)), ops.nir.s(str(tmp_path)))
    result = chain(ops.slew.s("GRB"), plans, ops.analyse.s()).apply_async()
    assert result.get(timeout=WAIT_S) == "GRB slewed, vis + GRB slewed, nir"


def test_a_chain_waits_for_parallel_parts_that_take_long(ops: ModuleType, tmp_path: Path) -> None:
    running = ops.expose.delay(60, str(tmp_path))  # the queue of `mul` is busy meanwhile
    result = chain(group(ops.mul.s(1, 2), ops.schedule.si(str(tmp_path / "log"), "a")), ops.note.s()).apply_async()

    def looked() -> bool:
        return any(row.name == "celery.chord_unlock" and row.tries > 2 for row in ledger.choose("RETRY", "STARTED"))

    until(looked)
    (tmp_path / "enough").touch()
    assert running.get(timeout=WAIT_S) == "exposed"
    assert result.get(timeout=WAIT_S) == [2, None]
    until(lambda: not [row for row in ledger.choose(*ledger.RUNNING) if row.name == "celery.chord_unlock"])


def test_a_chain_whose_beginning_is_revoked_ends(ops: ModuleType, tmp_path: Path) -> None:
    running = ops.expose.delay(60, str(tmp_path))
    until((tmp_path / "began").exists)
    result = chain(ops.slew.s("GRB"), ops.vis.s(str(tmp_path))).apply_async()
    result.parent.revoke()
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT_S)
    running.revoke(terminate=True)


def test_two_schedulings_never_overlap(ops: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for result in [ops.schedule.delay(str(log), name) for name in "abc"]:
        result.get(timeout=WAIT_S)
    lines = log.read_text().splitlines()
    assert len(lines) == 6
    assert all(lines[i].replace("begins", "ends") == lines[i + 1] for i in (0, 2, 4)), lines


def test_only_json_goes_on_the_wire(ops: ModuleType) -> None:
    with pytest.raises(EncodeError):
        ops.mul.delay(object(), 5)
    assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20


def test_a_message_that_comes_twice_runs_once(ops: ModuleType, tmp_path: Path) -> None:
    running = ops.expose.delay(60, str(tmp_path))
    until((tmp_path / "began").exists)
    result = ops.mul.delay(4, 5)
    assert app.publish_again(result.id)
    (tmp_path / "enough").touch()
    running.get(timeout=WAIT_S)
    assert result.get(timeout=WAIT_S) == 20
    ops.mul.delay(1, 1).get(timeout=WAIT_S)
    with place.store().session(read_only=True) as session:
        claims = session.scalars(select(Claim).where(Claim.name.startswith(result.id))).all()
    assert len(claims) == 1


def test_a_task_whose_process_died_runs_again_if_its_kind_may(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.die_once.delay(str(tmp_path))
    assert result.get(timeout=WAIT_S) == "survived"
    assert ledger.read(result.id).tries == 2


def test_a_task_whose_process_died_is_marked_if_its_kind_may_not(ops: ModuleType, tmp_path: Path) -> None:
    result = ops.die.delay(str(tmp_path))
    with pytest.raises(TaskLost, match="look at what it left"):
        result.get(timeout=WAIT_S)
    assert ledger.read(result.id).state == "LOST"
    assert ops.mul.delay(4, 5).get(timeout=WAIT_S) == 20
    assert (tmp_path / "tries").read_text() == "x"


def test_a_killed_worker_loses_nothing(ops: ModuleType, tmp_path: Path, workers: Workers) -> None:
    running = ops.long_rerun.delay(str(tmp_path))
    until((tmp_path / "first").exists)
    waiting = [ops.mul.delay(i, 2) for i in range(3)]
    (status,) = [s for s in workers.status() if s.queue == "my_operations_q"]
    os.kill(status.pid, signal.SIGKILL)
    assert running.get(timeout=WAIT_S) == "done"
    assert [result.get(timeout=WAIT_S) for result in waiting] == [0, 2, 4]
    assert ledger.read(running.id).tries == 2
    assert {ledger.read(result.id).tries for result in waiting} == {1}


def test_each_worker_answers_for_its_queue(ops: ModuleType) -> None:
    answers = until(
        lambda: (
            len(a := app.control.broadcast("ping", reply=True, limit=len(ops.QUEUES), timeout=5)) >= len(ops.QUEUES)
            and a
        )
    )
    assert {name.partition("@")[0] for answer in answers for name in answer} == set(ops.QUEUES)
