"""The store: durable, shared by threads, clear when it can't be used."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from pyros_kernel.store import (
    AgentLog,
    Device,
    IllegalTransition,
    Night,
    NightStatus,
    Request,
    RequestStatus,
    ScientificProgramme,
    Site,
    Store,
    StoreError,
    User,
)
from pyros_kernel.store.schema import head

NOW = datetime(2022, 9, 30, 4, 0, 0, 123456, tzinfo=UTC)


def _line(message: str = "hello") -> AgentLog:
    return AgentLog(time=NOW, agent="test", level="INFO", message=message)


def test_sqlite_is_durable_and_shared(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    with store.session() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_closed_store_leaves_nothing_of_its_engine_behind(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    with store.session() as session:
        session.add(_line())
    with store.session() as session:
        session.scalars(select(AgentLog)).one().message = "changed"
    dialect = weakref.ref(store.engine.dialect)
    store.close()
    del store, session
    gc.collect()
    assert dialect() is None, "the mappers keep what was compiled for it"


def test_session_commits_at_its_end(empty: Store) -> None:
    with empty.session() as session:
        session.add(_line())
    with empty.session(read_only=True) as session:
        row = session.scalars(select(AgentLog)).one()
    assert (row.message, row.time) == ("hello", NOW)  # still readable after the session


def test_session_rolls_back_on_an_exception(empty: Store) -> None:
    with pytest.raises(RuntimeError, match="half-way"), empty.session() as session:
        session.add(_line())
        session.flush()
        raise RuntimeError("half-way")
    with empty.session(read_only=True) as session:
        assert session.scalar(select(func.count(AgentLog.id))) == 0


def test_a_reader_keeps_nothing_and_waits_for_no_writer(store: Store) -> None:
    with store.session() as writer:
        writer.add(_line())
        writer.flush()
        with store.session(read_only=True) as reader:
            assert reader.scalar(select(func.count(AgentLog.id))) == 0
            reader.scalars(select(Site)).one().name = "elsewhere"
    with store.session(read_only=True) as session:
        assert session.scalars(select(Site)).one().name == "San Pedro Mártir"


def test_a_reader_sees_one_moment(empty: Store) -> None:
    with empty.session(read_only=True) as reader:
        before = reader.scalar(select(func.count(AgentLog.id)))
        with empty.session() as writer:
            writer.add(_line())
        assert reader.scalar(select(func.count(AgentLog.id))) == before


def test_a_session_inside_a_session_of_the_same_thread_is_refused_at_once(store: Store) -> None:
    with store.session(), pytest.raises(StoreError, match="same thread"), store.session():
        pass
    with store.session() as session:  # and nothing is left locked
        session.add(_line())


def test_threads_read_then_write_without_losing_an_update(store: Store) -> None:
    with store.session() as session:
        session.scalars(select(Device).where(Device.name == "plc")).one().settings = {"count": 0}
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with store.session() as session:
                    device = session.scalars(select(Device).where(Device.name == "plc")).one()
                    device.settings = {"count": device.settings["count"] + 1}
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, name=f"pyros-test-{i}") for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    with store.session(read_only=True) as session:
        assert session.scalars(select(Device).where(Device.name == "plc")).one().settings == {"count": 60}


def test_what_is_committed_is_there_for_another_store(url: str) -> None:
    first = Store.open(url)
    with first.session() as session:
        session.add(_line("kept"))
    second = Store.open(url)
    with second.session(read_only=True) as session:
        assert session.scalars(select(AgentLog.message)).all() == ["kept"]
    first.close()
    second.close()


COMMIT_AND_WAIT = """
import sys
from datetime import UTC, datetime
from pyros_kernel.store import AgentLog, Store
store = Store.open(sys.argv[1])
with store.session() as session:
    session.add(AgentLog(time=datetime.now(UTC), agent="a", level="INFO", message="committed"))
with store.session() as session:
    session.add(AgentLog(time=datetime.now(UTC), agent="a", level="INFO", message="half-way"))
    session.flush()
    print("now", flush=True)
    sys.stdin.readline()
"""


def test_a_killed_process_loses_nothing_committed_and_blocks_nobody(url: str) -> None:
    command = [sys.executable, "-c", COMMIT_AND_WAIT, url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        os.kill(process.pid, signal.SIGKILL)
    store = Store.open(url)
    with store.session() as session:
        assert session.scalars(select(AgentLog.message)).all() == ["committed"]
        session.add(_line())
    store.close()


def test_closed_store_refuses_and_closing_twice_is_harmless(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"), store.session():
        pass


def test_close_lets_an_open_session_end(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    inside, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with store.session() as session:
            session.add(_line("last words"))
            inside.set()
            go_on.wait(10)

    worker = threading.Thread(target=work, name="pyros-test-writer")
    worker.start()
    assert inside.wait(10)
    closer = threading.Thread(target=store.close, name="pyros-test-closer")
    closer.start()
    go_on.set()
    worker.join(10)
    closer.join(10)
    again = Store.open(sqlite_url)
    with again.session(read_only=True) as session:
        assert session.scalars(select(AgentLog.message)).all() == ["last words"]
    again.close()


def test_ping(store: Store) -> None:
    store.ping()


def test_a_time_without_a_zone_is_refused(empty: Store) -> None:
    with pytest.raises(Exception, match="needs a zone"), empty.session() as session:
        session.add(AgentLog(time=datetime(2022, 9, 30), agent="a", level="INFO", message="m"))


def test_a_dangling_reference_is_refused(empty: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.session() as session:
        session.add(Device(name="lonely", site_id=99))


def test_unreachable_postgresql_says_what_to_do_and_hides_the_password(free_port: int) -> None:
    url = f"postgresql://astro:secret@127.0.0.1:{free_port}/pyros"
    with pytest.raises(StoreError, match=r"PYROS_DATABASE_URL.*pyros doctor") as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)
    assert f"127.0.0.1:{free_port}" in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pyros.sqlite"
    path.write_text("this is a letter to my aunt, and it is long enough to be taken for a header\n" * 100)
    with pytest.raises(StoreError, match=r"pyros\.sqlite.*not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_text().startswith("this is a letter")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"can't make .*file.*PYROS_DATA"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'pyros.sqlite'}")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "PYROS_DATABASE_URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://me@127.0.0.1/pyros", "only sqlite and postgresql"),
    ],
)
def test_an_unusable_address_is_refused(url: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        Store.open(url)


def test_a_newer_database_is_refused_and_left_alone(url: str) -> None:
    store = Store.open(url)
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match=rf"9999, newer than this PyROS knows \({head()}\).*update PyROS"):
        Store.open(url)


def test_statuses_move_only_along_declared_transitions(store: Store) -> None:
    with store.session() as session:
        request = Request(
            name="r",
            user=session.scalars(select(User).where(User.username == "observer")).one(),
            programme=session.scalars(select(ScientificProgramme)).first(),
        )
        session.add(request)
        session.flush()
        request.become(RequestStatus.SUBMITTED, "complete")
        assert (request.status, request.reason) == (RequestStatus.SUBMITTED, "complete")
        with pytest.raises(IllegalTransition, match=r"submitted → complete .*cancelled, executing, failed"):
            request.become(RequestStatus.COMPLETE, "too early")
        assert (request.status, request.reason) == (RequestStatus.SUBMITTED, "complete")
        with pytest.raises(IllegalTransition, match="submitted → draft"):
            request.status = RequestStatus.DRAFT


def test_an_illegal_transition_is_refused_after_reading_back_too(store: Store) -> None:
    with store.session() as session:
        session.add(Night(name="2022-09-29", site_id=1, sunset=NOW, dusk=NOW, dawn=NOW, sunrise=NOW))
    with store.session() as session:
        night = session.scalars(select(Night)).one()
        assert night.status is NightStatus.CLOSED
        with pytest.raises(IllegalTransition, match=r"<Night 2022-09-29>: closed → done"):
            night.become(NightStatus.DONE)
        night.become(NightStatus.WAITING)
