"""A packet is durable before it is acknowledged, and known once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pyros_kernel.alerts import AlertInbox, Arrival, NotStored, NotVoevent, parse
from pyros_kernel.alerts.files import file_name, write_durably
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus, Store

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


class FailingStore:
    """A store whose database refuses the next writing sessions, as one on a full disk does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.engine, self.url, self.closed = store.engine, store.url, False
        self.failures = 0

    @contextmanager
    def session(self, *, read_only: bool = False) -> Generator[Session]:
        with self._store.session(read_only=read_only) as session:
            yield session
            if not read_only and self.failures:
                self.failures -= 1
                raise OperationalError("COMMIT", {}, Exception("database or disk is full"))


def rows(store: Store) -> int:
    with store.session(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(Alert)) or 0


def test_bytes_and_row_are_there_when_it_returns(desk: Any) -> None:
    received = desk.inbox.receive(SWIFT, "vtp:127.0.0.1:40112")
    with desk.store.session(read_only=True) as session:
        alert = session.get_one(Alert, received.alert_id)
    assert alert.status is AlertStatus.RECEIVED
    assert alert.source == "vtp:127.0.0.1:40112"
    assert (alert.stream, alert.packet_type, alert.trigger_id) == ("SWIFT", "BAT_GRB_Pos", "1125809")
    assert (alert.ra_deg, alert.dec_deg, alert.error_deg) == (64.7373, 13.3517, 0.05)
    assert str(alert.event_time) == "2022-09-30 11:11:52.120000+00:00"
    assert alert.path.startswith("alerts/2022-09-30/nasa.gsfc.gcn_SWIFT_BAT_GRB_Pos_1125809-092_")
    assert (desk.directory / alert.path).read_bytes() == SWIFT


def test_a_copy_is_told_from_another_version(desk: Any, variant: Callable[..., bytes]) -> None:
    first = desk.inbox.receive(SWIFT, "a")
    copy = desk.inbox.receive(SWIFT.replace(b"<Who>", b"<Who><!-- relayed -->"), "b")
    other = desk.inbox.receive(variant((b"64.7373", b"64.7374")), "c")
    assert (copy.duplicate, copy.alert_id) == (True, first.alert_id)
    assert not other.duplicate
    assert other.alert_id != first.alert_id
    assert rows(desk.store) == len(desk.files) == 2


def test_what_is_no_voevent_changes_nothing(desk: Any) -> None:
    with pytest.raises(NotVoevent):
        desk.inbox.receive(b"<html/>", "a")
    assert rows(desk.store) == 0
    assert not desk.files


def test_a_database_that_fails_stops_no_packet_and_its_row_comes_later(desk: Any, tmp_path: Path) -> None:
    store = FailingStore(desk.store)
    inbox = AlertInbox(store, tmp_path, desk.clock)  # type: ignore[arg-type]
    try:
        store.failures = 2
        received = inbox.receive(SWIFT, "a")
        assert not received.duplicate
        assert inbox.receive(SWIFT, "a").duplicate
        with pytest.raises(OperationalError):
            while received.alert_id:  # the inbox's own thread may have taken one of the failures
                raise AssertionError("it has a row")
        deadline_s = time.monotonic() + 30
        while not rows(desk.store):  # nobody asks for it
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert inbox.receive(SWIFT, "a").duplicate
        assert rows(desk.store) == len(desk.files) == 1
    finally:
        inbox.close()


def test_a_disk_that_refuses_leaves_neither_row_nor_half_a_file(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(NotStored, match="No space left"):
            desk.inbox.receive(SWIFT, "a")
    assert rows(desk.store) == 0
    assert not desk.files
    assert not desk.inbox.receive(SWIFT, "a").duplicate


def test_a_packet_whose_file_can_not_be_written_waits_in_the_journal(desk: Any) -> None:
    (desk.directory / "alerts").write_text("a file in the way")
    received = desk.inbox.receive(SWIFT, "a")
    with pytest.raises(OSError, match="alerts"):
        received.row()
    assert rows(desk.store) == 0
    (desk.directory / "alerts").unlink()
    assert received.alert_id
    assert desk.files[0].read_bytes() == SWIFT


def test_a_closed_store_is_told(desk: Any) -> None:
    desk.store.close()
    with pytest.raises(NotStored, match="closed"):
        desk.inbox.receive(SWIFT, "a")


def test_a_closed_inbox_takes_nothing(desk: Any) -> None:
    desk.inbox.close()
    with pytest.raises(NotStored, match="closed"):
        desk.inbox.receive(SWIFT, "a")


def test_packets_longer_than_the_journal_together_are_all_kept(desk: Any) -> None:
    def long(number: int) -> bytes:
        note = b"<Description>" + b"x" * 900_000 + b"</Description></What>"
        return SWIFT.replace(b"1125809", str(3_000_000 + number).encode()).replace(b"</What>", note)

    outcomes = desk.inbox.receive_all([Arrival(long(n), "a", time.monotonic()) for n in range(16)])
    assert len({outcome.alert_id for outcome in outcomes}) == 16
    assert rows(desk.store) == len(desk.files) == 16


def test_what_a_power_cut_took_is_made_again_from_the_journal(desk: Any, variant: Callable[..., bytes]) -> None:
    raws = [variant((b"1125809", str(n).encode())) for n in (11, 12, 13)]
    ids = [desk.inbox.receive(raw, "a").alert_id for raw in raws]
    # The power goes: one file is empty, one is lost with its row; the journal is as it was synced.
    desk.files[0].write_bytes(b"")
    desk.files[1].unlink()
    with desk.store.session() as session:
        session.execute(delete(Alert).where(Alert.id == ids[1]))
    again = AlertInbox(desk.store, desk.directory, desk.clock)
    try:
        assert [left.packet.raw for left in again.undecided()] == [raws[0], raws[2], raws[1]]
        assert [path.read_bytes() for path in desk.files] == raws
        assert all(again.receive(raw, "b").duplicate for raw in raws)
    finally:
        again.close()


def test_the_same_packet_from_many_at_once_is_kept_once(desk: Any) -> None:
    start = threading.Barrier(8)
    duplicates: list[bool] = []

    def bring() -> None:
        start.wait()
        duplicates.append(desk.inbox.receive(SWIFT, "a").duplicate)

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(duplicates) == [False] + [True] * 7
    assert desk.inbox.receive(SWIFT, "b").alert_id
    assert rows(desk.store) == len(desk.files) == 1


def test_what_was_stored_but_not_decided_about_is_found_again(desk: Any, variant: Callable[..., bytes]) -> None:
    desk.take(variant((b"1125809", b"1125810")))
    received = desk.inbox.receive(SWIFT, "a")
    (left,) = desk.inbox.undecided()
    assert (left.alert_id, left.packet.digest) == (received.alert_id, received.packet.digest)
    desk.act(left)
    assert desk.inbox.undecided() == []


def test_a_stored_packet_that_was_lost_from_disk_stops_nobody(desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert desk.inbox.receive(SWIFT, "a").alert_id
    desk.files[0].unlink()
    assert desk.inbox.undecided() == []
    assert "can't be read again" in caplog.text


def test_file_names_are_harmless(variant: Callable[..., bytes]) -> None:
    hostile = parse(variant((b"BAT_GRB_Pos_1125809-092", b"../../etc/passwd%00;rm*" + b"x" * 300)))
    name = file_name(hostile)
    assert "/" not in name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(name) < 120
    assert not name.startswith(".")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_durably(tmp_path / "a.xml", b"old")
    write_durably(tmp_path / "a.xml", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.xml"]
    assert (tmp_path / "a.xml").read_bytes() == b"new"
