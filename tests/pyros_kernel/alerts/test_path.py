"""From a socket to a request in the store."""

from __future__ import annotations

from pathlib import Path

from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.alerts import AlertInbox, Received, VtpReceiver, react, send
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus, RequestKind, RequestStatus, SequenceStatus, Store

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


def test_a_swift_packet_is_stored_acknowledged_and_becomes_a_request(store: Store, tmp_path: Path) -> None:
    clock = ManualClock(Time("2022-09-30T11:12:20"))
    inbox = AlertInbox(store, tmp_path, clock)

    def act(received: Received) -> None:
        react(store, received.alert_id, received.packet, clock, received.note)

    receiver = VtpReceiver(inbox.receive_all, act, port=0)
    receiver.start()
    try:
        answers = [send(SWIFT, port=receiver.port) for _ in range(2)]
    finally:
        receiver.stop()
        inbox.close()
    assert [a.ack for a in answers] == [True, True]
    assert answers[1].text == "received before"
    with store.session(read_only=True) as session:
        alert = session.scalars(select(Alert)).one()
        assert alert.status is AlertStatus.ACCEPTED
        assert (tmp_path / alert.path).read_bytes() == SWIFT
        assert list(alert.steps) == ["parsed", "stored", "acknowledged", "decided", "requested"]
        assert list(alert.steps.values()) == sorted(alert.steps.values())
        request = alert.request
        assert request is not None
        assert (request.kind, request.status) == (RequestKind.ALERT, RequestStatus.SUBMITTED)
        assert (request.user.username, request.programme.name) == ("pyros", "GRB follow-up")
        (sequence,) = request.sequences
        assert sequence.status is SequenceStatus.OBSERVABLE
        assert (sequence.ra_deg, sequence.dec_deg) == (64.7373, 13.3517)
        plans = [(a.channel, p.filter, p.exposure_time_s) for a in sequence.albums for p in a.plans]
        assert plans == [("VIS", "r", 60.0), ("NIR", "J", 60.0)]
