"""A process that is killed between any two steps loses no acknowledged alert, and none is acted on twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from astropy.time import Time
from sqlalchemy import func, select

from pyros_kernel import Observatory
from pyros_kernel.alerts import AlertInbox, NotDelivered, react, send
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus, Request, Sequence, SequenceStatus, Store
from tests.waiting import until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
CHILD = """
import os, signal, sys, time
from pathlib import Path
from astropy.time import Time
from pyros_kernel import Observatory
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


KERNEL = """
import os, signal, sys, time
from pyros_kernel import Observatory
from pyros_kernel.agents import alert_manager
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.alerts.keeper import Keeper

point = sys.argv[2]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

obs = Observatory(sys.argv[1], start="2022-09-30T11:00:00", speed=30, fixtures=("night_2022-09-29.json",))
obs.start(); obs.observe()
while not any(s.status == "executing" for s in obs.snapshot().placed):
    time.sleep(0.02)
if point == "between slew and row":
    Keeper.row = die  # the telescope is on its way by then, and the journal alone has the packet
if point == "between slew and request":
    alert_manager.react = die  # the telescope is on its way by then
if point == "between request and plan":
    Majordome.target_of_opportunity = die
    obs.agents.agent("majordome").actions_by_message[Majordome.MSG_TARGET_OF_OPPORTUNITY] = die
print(obs.alerts.address[1], flush=True)
time.sleep(600)
"""


BEGUN = {SequenceStatus.EXECUTING, SequenceStatus.EXECUTED}
# A whole observatory each: the others with the long campaigns.
LONG = ["between slew and request", "between request and plan"]
POINTS = ["between slew and row"] + LONG * (os.environ.get("PYROS_NIGHTLY") == "1")


@pytest.mark.parametrize("point", POINTS)
def test_a_kernel_killed_after_the_slew_was_sent_observes_the_burst_once(tmp_path: Path, point: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(tmp_path), point],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as kernel:
        try:
            assert kernel.stdout is not None
            port = int(kernel.stdout.readline())
            children = psutil.Process(kernel.pid).children(recursive=True)
            assert send(SWIFT, port=port).ack
            assert kernel.wait(30) == -9
        finally:
            kernel.kill()
    psutil.wait_procs(children, timeout=20)  # the simulators end with it
    assert "BAT_GRB_Pos_1125809-092: slewing to 64.7373" in (tmp_path / "log" / "pyros.log").read_text()

    with Observatory(tmp_path, start="2022-09-30T11:20:00", speed=30) as obs:
        until(lambda: _alert(obs).status is AlertStatus.ACCEPTED, "it is decided about")
        assert obs.alerts.send("swift_bat_grb_1125809.xml").text == "received before"
        obs.observe()
        until(lambda: _sequences(obs)[0].status in BEGUN, "the burst is observed first")
        with obs.store.session(read_only=True) as session:
            requests = session.scalars(select(Request).where(Request.name.contains("1125809"))).all()
            assert [request.id for request in requests] == [_alert(obs).request_id]
        assert len(_sequences(obs)) == 1


def _sequences(obs: Observatory) -> list[Sequence]:
    with obs.store.session(read_only=True) as session:
        return list(session.scalars(select(Sequence).where(Sequence.name.contains("1125809"))))


def _alert(obs: Observatory) -> Alert:
    with obs.store.session(read_only=True) as session:
        return session.scalars(select(Alert)).one()
