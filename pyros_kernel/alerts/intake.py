"""Everything that brings packets to an observatory: its author port, other brokers, Kafka, directories."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.inbox import AlertInbox
from pyros_kernel.alerts.interpreter_lock import hurried
from pyros_kernel.alerts.kafka import KafkaInput
from pyros_kernel.alerts.quick_store import quick
from pyros_kernel.alerts.received import Arrival, Outcome, Received
from pyros_kernel.alerts.remote import Remote
from pyros_kernel.alerts.transport import VtpReceiver
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.alerts.watched import WatchedDirectory
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store

logger = logging.getLogger(__name__)

_STORED = Answer(True, "stored")

Source = TypeVar("Source", KafkaInput, WatchedDirectory)


class Intake:
    """Take packets in background threads of this process.

    :param store: where their rows go
    :param directory: the data directory
    :param act: called with each new packet after it was acknowledged
    :param counted: called with what became of each packet: received, duplicate or refused
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        clock: Clock,
        *,
        host: str,
        port: int,
        act: Callable[[Received], None],
        counted: Callable[[str], None],
    ) -> None:
        self._quick = quick(store)
        self._inbox = AlertInbox(self._quick, directory, clock, durable=store)
        self._vtp = VtpReceiver(self._receive, self._new, host=host, port=port, strict=True)
        self._act, self._counted = act, counted
        self._broadcasters: list[Broadcaster] = []
        self._sources: list[KafkaInput | WatchedDirectory] = []

    @property
    def port(self) -> int:
        """The port on which authors are heard."""
        return self._vtp.port

    def start(self, opened: Callable[[], object] = lambda: None) -> None:
        """Open the port, and act on what was acknowledged before the program ended, but not decided about.

        :param opened: called as soon as the port is open
        :raises CannotListen: if it is taken
        """
        # Looked for before the port is open: what comes then is acted on by whoever brings it, and only once.
        left_over = self._inbox.undecided()
        self._vtp.start()
        opened()
        for received in left_over:
            logger.warning("alert %d was acknowledged before but not decided about", received.alert_id)
            self._act(received)

    def stop(self) -> None:
        """Close the port and everything else."""
        for source in self._sources:
            source.stop()
        self._vtp.stop()
        self._inbox.close()
        self._quick.close()

    def subscribe(self, host: str, port: int, filters: Sequence[str] = ()) -> Remote:
        """Listen to another broker from now on."""
        remote = Remote(host, port, self._receive, self._new, filters=filters)
        self._vtp.add(remote)
        return remote

    def broadcast(self, port: int) -> Broadcaster:
        """Serve subscribers from now on.

        :raises CannotListen: if the port is taken
        """
        broadcaster = Broadcaster(port=port)
        self._vtp.add(broadcaster)
        self._broadcasters.append(broadcaster)
        return broadcaster

    def kafka(self, settings: Mapping[str, Any], topics: Sequence[str]) -> KafkaInput:
        """Listen to Kafka from now on.

        :raises NoKafka: if its client is not installed
        """
        return self._listen(KafkaInput(settings, topics, self._receive, self._new))

    def watch(self, directory: str) -> WatchedDirectory:
        """Take each file that appears in a directory from now on."""
        return self._listen(WatchedDirectory(Path(directory), self._receive, self._new))

    def take(self, path: str) -> str:
        """Take a packet from a file, as if it had come by the network.

        :return: why it was not taken; empty if it was
        """
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            return str(error)
        answer = self.bring(raw, f"file:{path}")
        return "" if answer == _STORED else answer.text

    def bring(self, raw: bytes, source: str) -> Answer:
        """Take a packet as another broker would send it: one that breaks the schema is kept, with the error.

        :param source: who brings it, for people
        """
        (outcome,) = self._receive([Arrival(raw, source, time.monotonic())])
        if not isinstance(outcome, Received):
            return Answer(False, str(outcome))
        if outcome.duplicate:
            return Answer(True, f"it was received before: alert {outcome.alert_id}")
        self._new(outcome)
        return _STORED

    def _listen(self, source: Source) -> Source:
        source.start()
        self._sources.append(source)
        return source

    def _receive(self, arrivals: Sequence[Arrival]) -> Sequence[Outcome]:
        with hurried:
            outcomes = self._inbox.receive_all(arrivals)
        for outcome in outcomes:
            known = isinstance(outcome, Received)
            self._counted("refused" if not known else "duplicate" if outcome.duplicate else "received")
        return outcomes

    def _new(self, received: Received) -> None:
        try:
            with hurried:
                self._act(received)
        finally:
            if received.packet.suffix == "xml":  # subscribers understand VOEvents only
                for broadcaster in self._broadcasters:
                    broadcaster.publish(received.packet.raw)
