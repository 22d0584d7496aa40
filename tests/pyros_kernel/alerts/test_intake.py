"""Everything that brings packets, as one part of the kernel or of a process of its own."""

from __future__ import annotations

from pathlib import Path

from astropy.time import Time

from pyros_kernel.alerts import AlertInbox, Received, send
from pyros_kernel.alerts.intake import Intake
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


def test_what_comes_as_the_port_opens_and_what_was_left_are_acted_on_once(store: Store, tmp_path: Path) -> None:
    clock = ManualClock(Time("2022-09-30T11:12:20"))
    before = AlertInbox(store, tmp_path, clock)
    before.receive(SWIFT.replace(b"1125809", b"2000001"), "test")
    before.close()
    acted: list[str] = []

    def act(received: Received) -> None:
        acted.append(received.packet.trigger_id)

    def counted(_what: str) -> None:
        return

    intake = Intake(store, tmp_path, clock, host="127.0.0.1", port=0, act=act, counted=counted)
    intake.start(lambda: send(SWIFT, port=intake.port))
    intake.stop()
    assert sorted(acted) == ["1125809", "2000001"]
