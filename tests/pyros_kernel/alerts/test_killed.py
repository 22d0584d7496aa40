"""A process that is killed between any two steps loses no acknowledged alert, and none is acted on twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from astropy.time import Time
from sqlalchemy import func, select

from pyros_kernel.alerts import AlertInbox, NotDelivered, react, send
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus, Request, Store

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
CHILD = """
import os, signal, sys, time
from pathlib import Path
from astropy.time import Time
from pyros_kernel.alerts import AlertInbox, VtpReceiver, keeper, quick, react
from pyros_kernel.clock import ManualClock
from pyros_kernel.store import Store

point, directory = sys.argv[1], Path(sys.argv[2])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

clock = ManualClock(Time("2022-09-30T11:12:20"))
store = Store.open(f"sqlite:///{directory / 'pyros.sqlite'}")
soon = quick(store)
desk = AlertInbox(soon, directory, clock, durable=store)

def receive(arrivals):
    if point == "before the journal":
        desk._journal.append = die
    if point == "between journal and file":
        keeper.write_file = die
        received = desk.receive_all(arrivals)
        time.sleep(60)  # the inbox's thread comes to the file
    if point == "between file and row":
        keeper._row = die
        received = desk.receive_all(arrivals)
        time.sleep(60)
    received = desk.receive_all(arrivals)
    if point == "before the acknowledgement":
        die()
    return received

def act(received):
    if point == "before the decision":
        die()
    if point == "between acknowledgement and file":
        keeper.write_file = die
    if point == "between acknowledgement and row":
        keeper._row = die
    react(soon, received.alert_id, received.packet, clock, received.note)
    die()

receiver = VtpReceiver(receive, act, port=0)
receiver.start()
print(receiver.port, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("point", "acknowledged"),
    [
        ("before the journal", False),
        ("between journal and file", False),
        ("between file and row", False),
        ("before the acknowledgement", False),
        ("between acknowledgement and file", True),
        ("between acknowledgement and row", True),
        ("before the decision", True),
        ("after the decision", True),
    ],
)
def test_killed(request: pytest.FixtureRequest, store: Store, tmp_path: Path, point: str, acknowledged: bool) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, point, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with child:
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            if acknowledged:
                assert send(SWIFT, port=port).ack
            else:
                with pytest.raises(NotDelivered):
                    send(SWIFT, port=port)
            assert child.wait(20) == -9
        finally:
            child.kill()

    clock = ManualClock(Time("2022-09-30T11:13:00"))
    inbox = AlertInbox(store, tmp_path, clock)
    request.addfinalizer(inbox.close)
    left = inbox.undecided()
    for received in left:
        react(store, received.alert_id, received.packet, clock, received.note)
    if not acknowledged:  # the sender tries again
        received = inbox.receive(SWIFT, "again")
        assert received.duplicate == bool(left)
        if not received.duplicate:
            react(store, received.alert_id, received.packet, clock, received.note)
    with store.session(read_only=True) as session:
        alert = session.scalars(select(Alert)).one()
        assert alert.status is AlertStatus.ACCEPTED
        assert (tmp_path / alert.path).read_bytes() == SWIFT
        assert session.scalar(select(func.count()).select_from(Request)) == 1
    assert [path.suffix for path in (tmp_path / "alerts").rglob("*.*") if path.is_file()] == [".xml"]
