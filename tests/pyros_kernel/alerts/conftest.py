"""What the tests of alerts share: packets, a clock at the burst, an inbox and a port over a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from astropy.time import Time

from pyros_kernel.alerts import AlertInbox, Reaction, Received, VtpReceiver, react
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store

PACKETS = Path(__file__).parent / "packets"
SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


@dataclass
class Desk:
    """An inbox with what becomes of its packets."""

    store: Store
    directory: Path
    clock: ManualClock
    inbox: AlertInbox
    reactions: list[Reaction] = field(default_factory=list[Reaction])

    def act(self, received: Received) -> None:
        self.reactions.append(react(self.store, received.alert_id, received.packet, self.clock, received.note))

    def take(self, raw: bytes) -> Reaction:
        """Receive a packet and act on it, as the AlertManager does."""
        received = self.inbox.receive(raw, "test")
        assert not received.duplicate
        self.act(received)
        return self.reactions[-1]

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in (self.directory / "alerts").rglob("*") if path.is_file())


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    """Give an inbox on a loaded store, half a minute after the burst of the packet SWIFT."""
    clock = ManualClock(Time("2022-09-30T11:12:20"))
    made = Desk(store, tmp_path, clock, AlertInbox(store, tmp_path, clock))
    yield made
    made.inbox.close()


@pytest.fixture
def receiver(desk: Desk) -> Iterator[VtpReceiver]:
    """Give a running receiver in front of the desk."""
    running = VtpReceiver(desk.inbox.receive_all, desk.act, port=0, deadline_s=2.0, max_connections=20)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def variant() -> Callable[..., bytes]:
    """Give a maker of packets: SWIFT with some bytes replaced; a replacement that does not apply is an error."""

    def make(*replacements: tuple[bytes, bytes]) -> bytes:
        raw = SWIFT
        for old, new in replacements:
            assert old in raw, old
            raw = raw.replace(old, new)
        return raw

    return make
