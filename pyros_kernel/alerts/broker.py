"""A broker: everything that receives, stores and passes on packets, without an observatory."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pyros_kernel.alerts.allowed import EVERYONE, Allowed
from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.inbox import AlertInbox
from pyros_kernel.alerts.kafka import KafkaInput
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.plugins import Plugin, Plugins
from pyros_kernel.alerts.quick_store import quick
from pyros_kernel.alerts.received import Arrival, Outcome, Received
from pyros_kernel.alerts.remote import Remote
from pyros_kernel.alerts.transport import VtpReceiver
from pyros_kernel.alerts.watched import WatchedDirectory
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BrokerSettings:
    """What a broker does.

    :param receive_port: for authors; None for no such port
    :param broadcast_port: for subscribers; None for no such port
    :param remotes: (host, port) of brokers to listen to
    :param filters: XPath expressions, which each remote is asked to filter by
    :param remote_filters: (host, port) → expressions that this remote is asked to filter by, besides ``filters``
    :param kafka: (librdkafka's settings, topics)
    :param watched: directories whose new files are taken
    """

    local_ivo: str
    host: str = "127.0.0.1"
    receive_port: int | None = None
    broadcast_port: int | None = None
    test_interval_s: float = 3600.0
    remotes: Sequence[tuple[str, int]] = ()
    filters: Sequence[str] = ()
    remote_filters: Mapping[tuple[str, int], Sequence[str]] = field(
        default_factory=dict[tuple[str, int], Sequence[str]]
    )
    authors: Allowed = EVERYONE
    subscribers: Allowed = EVERYONE
    plugins: dict[str, Plugin] = field(default_factory=dict[str, Plugin])
    kafka: tuple[dict[str, str], Sequence[str]] | None = None
    watched: Sequence[Path] = ()


class Broker:
    """Receive from authors, brokers, Kafka and directories; store; pass on to subscribers and plugins.

    :param directory: where packets and their database go
    """

    def __init__(self, settings: BrokerSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._stack = ExitStack()
        self._broadcaster: Broadcaster | None = None
        self._receiver: VtpReceiver | None = None
        self._inbox: AlertInbox | None = None
        self._plugins: Plugins | None = None

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """The ports for authors and for subscribers, as they were opened."""
        receiver, broadcaster = self._receiver, self._broadcaster
        author = None if receiver is None or self._settings.receive_port is None else receiver.port
        return author, None if broadcaster is None else broadcaster.port

    @property
    def subscribers(self) -> list[str]:
        """Who listens now."""
        return [] if self._broadcaster is None else self._broadcaster.subscribers

    @property
    def filters(self) -> list[tuple[str, ...]]:
        """What each of them asks for."""
        return [] if self._broadcaster is None else self._broadcaster.filters

    def start(self) -> None:
        """Open everything.

        :raises CannotListen: if a port is taken
        :raises StoreError: if the database can't be opened
        """
        settings = self._settings
        with ExitStack() as stack:
            store = Store.open(f"sqlite:///{self._directory / 'broker.sqlite'}")
            stack.callback(store.close)
            soon = quick(store)
            stack.callback(soon.close)
            self._inbox = AlertInbox(soon, self._directory, Clock(), durable=store, heard=self._relay)
            stack.callback(self._inbox.close)
            self._inbox.recover()
            self._plugins = Plugins(settings.plugins)
            stack.callback(self._plugins.close)
            self._receiver = VtpReceiver(
                self.receive_all,
                self.pass_on,
                host=settings.host,
                port=settings.receive_port,
                local_ivo=settings.local_ivo,
                allowed=settings.authors,
                strict=True,
            )
            stack.callback(self._receiver.stop)
            if settings.broadcast_port is not None:
                self._broadcaster = Broadcaster(
                    host=settings.host,
                    port=settings.broadcast_port,
                    local_ivo=settings.local_ivo,
                    allowed=settings.subscribers,
                    test_interval_s=settings.test_interval_s,
                )
                self._receiver.add(self._broadcaster)
            for host, port in settings.remotes:
                remote = Remote(
                    host,
                    port,
                    self.receive_all,
                    self.pass_on,
                    local_ivo=settings.local_ivo,
                    filters=(*settings.filters, *settings.remote_filters.get((host, port), ())),
                )
                self._receiver.add(remote)
            self._receiver.start()
            if settings.kafka is not None:
                conf, topics = settings.kafka
                kafka = KafkaInput(conf, topics, self.receive_all, self.pass_on)
                kafka.start()
                stack.callback(kafka.stop)
            for directory in settings.watched:
                watched = WatchedDirectory(directory, self.receive_all, self.pass_on)
                watched.start()
                stack.callback(watched.stop)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Close everything."""
        self._stack.close()

    def receive_all(self, arrivals: Sequence[Arrival]) -> Sequence[Outcome]:
        """Take packets, durably."""
        assert self._inbox is not None  # it was started
        return self._inbox.receive_all(arrivals)

    def pass_on(self, received: Received) -> None:
        """Give a new packet to the plugins; subscribers have it already."""
        if self._plugins is not None:
            self._plugins(received.packet)

    def _relay(self, packet: Packet) -> None:
        # Subscribers understand VOEvents only.
        if self._broadcaster is not None and packet.suffix == "xml":
            self._broadcaster.publish(packet.raw)
