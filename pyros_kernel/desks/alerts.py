"""Alerts by hand: send a packet, or replay an archived one at its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from astropy.time import Time
from sqlalchemy import func, select

from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.alerts import AlertReplay, Answer, Explanation, NotVoevent, Packet, read_packet, send, strategy_table
from pyros_kernel.alerts.archive import read_archive
from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.intake_process import Elsewhere
from pyros_kernel.alerts.kafka import GCN_TOPICS, KafkaInput
from pyros_kernel.alerts.remote import Remote
from pyros_kernel.alerts.watched import WatchedDirectory
from pyros_kernel.opening import fixture_path
from pyros_kernel.services import Services
from pyros_kernel.store import Alert, note_cell

_LINKED = 100  # so many packets of an archive are linked to the cell that replays it: each is parsed for its name


class AlertDesk:
    """Send VOEvents to this observatory's own port, as a broker would.

    :param stack: closed with the observatory; what was to be replayed later ends with it
    """

    def __init__(self, services: Services, manager: AlertManager, stack: ExitStack) -> None:
        self._services, self._manager, self._stack = services, manager, stack

    def __repr__(self) -> str:
        with self._services.store.session(read_only=True) as session:
            taken = session.scalar(select(func.count()).select_from(Alert)) or 0
            last = session.scalar(select(Alert).order_by(Alert.id.desc()).limit(1))
        latest = "" if last is None else f", the last one {last.ivorn}, {last.status}"
        return f"<Alerts: received at port {self._manager.port}, {taken} in the store{latest}>"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where VOEvents are received."""
        return "127.0.0.1", self._manager.port

    def send(self, path: str | Path) -> Answer:
        """Send a packet now, and wait for the answer (a few milliseconds).

        :param path: a file, or the name of one of PyROS's fixtures
        :raises NotDelivered: if nobody takes it
        """
        raw = fixture_path(path).read_bytes()
        answer = send(raw, *self.address)
        if answer.ack:
            note_cell(self._services.store, "alert", [read_packet(raw).ivorn])
        return answer

    def explain(self, packet: Packet | bytes | str | Path) -> Explanation:
        """Say what would become of a packet now, and why; nothing is stored or moved.

        :param packet: a packet, its bytes, a file, or the name of one of PyROS's fixtures
        :raises NotVoevent: if it is no packet
        """
        if not isinstance(packet, Packet):
            raw = packet if isinstance(packet, bytes) else fixture_path(packet).read_bytes()
            packet = read_packet(raw)
        return self._manager.explain(packet)

    @property
    def strategies(self) -> list[dict[str, Any]]:
        """The strategies, one row each, in the order in which they are asked."""
        return strategy_table(self._services.store)

    def subscribe(self, broker: str, filters: Sequence[str] = ()) -> Remote | Elsewhere:
        """Listen to another broker from now on; what it sends is taken as if authors had brought it.

        :param broker: ``host:port``
        :param filters: XPath expressions, by which it is asked to filter
        :raises ValueError: if it is no ``host:port``
        """
        host, _, port = broker.rpartition(":")
        if not (host and port.isdecimal()):
            raise ValueError(f"{broker!r} is no broker: write it as host:port, such as 127.0.0.1:8099")
        return self._manager.intake.subscribe(host, int(port), filters)

    def broadcast(self, port: int = 8099) -> Broadcaster | Elsewhere:
        """Serve subscribers from now on: what comes in goes on to them.

        :param port: 0 for any that is free
        :raises CannotListen: if it is taken
        """
        return self._manager.intake.broadcast(port)

    def kafka(self, settings: Mapping[str, Any], topics: Sequence[str] = GCN_TOPICS) -> KafkaInput | Elsewhere:
        """Listen to Kafka from now on.

        :param settings: librdkafka's; :func:`pyros_kernel.alerts.kafka.gcn` makes those of NASA's GCN
        :raises NoKafka: if its client is not installed
        """
        return self._manager.intake.kafka(settings, topics)

    def watch(self, directory: str | Path) -> WatchedDirectory | Elsewhere:
        """Take each file that appears in a directory from now on."""
        return self._manager.intake.watch(str(Path(directory).absolute()))

    def replay(self, path: str | Path, when: Time | str | None = None, *, faster: float = 1.0) -> AlertReplay:
        """Send a packet, or a whole archive at its own spacing, by the observatory's clock; returns at once.

        They come by VTP to the author port.  What that refuses, because it breaks the schema, is taken as another
        broker's: kept, with the error.

        :param path: a packet's file, a directory or a tar of them, or the name of one of PyROS's fixtures
        :param when: the moment of the first packet, a Time or an ISO string in UTC; now if left out
        :param faster: how many times shorter than their own the spacing of the packets is
        :raises NoArchive: if there is no packet in it
        :raises ValueError: if ``faster`` is not positive
        """
        clock = self._services.clock
        moment = clock.now() if when is None else when if isinstance(when, Time) else Time(when, scale="utc")
        packets = read_archive(Path(path) if Path(path).is_dir() else fixture_path(path))
        replay = AlertReplay(packets, moment, clock, faster=faster, port=self._manager.port, refused=self._bring)
        replay.start()
        linked = (_ivorn(packet.raw) for packet in packets[:_LINKED])
        note_cell(self._services.store, "alert", (ivorn for ivorn in linked if ivorn))
        self._stack.callback(replay.stop)
        return replay

    def _bring(self, name: str, raw: bytes) -> Answer:
        return self._manager.intake.bring(raw, f"replay:{name}")


def _ivorn(raw: bytes) -> str:
    """Name a packet of an archive; nothing for one that is none."""
    try:
        return read_packet(raw).ivorn
    except NotVoevent:
        return ""
