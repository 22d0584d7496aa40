"""Packets by Kafka, as NASA's GCN and SCiMMA send them: VOEvents, JSON notices, gravitational-wave alerts.

An offset is committed only after its packet is stored: after an outage what was missed is fetched, and what was
stored but not committed is known as a copy.  The client is an extra: ``pip install 'pyros-observatory[kafka]'``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyros_kernel.alerts.received import Arrival, NotStored, Receive, Received

logger = logging.getLogger(__name__)

HEARTBEAT = "gcn.heartbeat"
GCN_TOPICS = ("gcn.classic.voevent.*", "gcn.notices.*", "igwn.gwalert", HEARTBEAT)
SILENCE_S = 60.0
_POLL_S = 0.2
_STOP_S = 15.0
_AT_ONCE = 100
_AGAIN_S = 1.0


class NoKafka(Exception):
    """The Kafka client is not installed; the message says how to install it."""


def gcn(client_id: str, client_secret: str, *, group: str, domain: str = "gcn.nasa.gov") -> dict[str, str]:
    """Give the settings for NASA's General Coordinates Network.

    Source: https://gcn.nasa.gov/docs/client; those of the ``gcn-kafka`` package.

    :param client_id: from https://gcn.nasa.gov/quickstart
    :param group: under this name the broker remembers what was taken
    """
    return {
        "bootstrap.servers": f"kafka.{domain}",
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": client_id,
        "sasl.oauthbearer.client.secret": client_secret,
        "sasl.oauthbearer.token.endpoint.url": f"https://auth.{domain}/oauth2/token",
        "group.id": group,
    }


class KafkaInput:
    """Listen to topics in one daemon thread.

    :param settings: librdkafka's; ``group.id`` is needed, offsets are ours to commit
    :param topics: names, or patterns such as ``gcn.classic.voevent.*``
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        topics: Sequence[str],
        receive: Receive,
        acknowledged: Callable[[Received], None],
    ) -> None:
        try:
            import confluent_kafka
        except ImportError as error:
            raise NoKafka("Kafka needs its client: pip install 'pyros-observatory[kafka]'") from error
        self._kafka = confluent_kafka
        self._settings = {
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 4 << 20,
            **settings,
            "enable.auto.commit": False,
            "error_cb": self._hear_error,
        }
        self._topics = [f"^{t.replace('.', chr(92) + '.').replace('*', '.*')}$" if "*" in t else t for t in topics]
        self._receive, self._acknowledged = receive, acknowledged
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pyros-kafka", daemon=True)
        self._last_heard_s: float | None = None
        self._warned: set[str] = set()
        self.problem = ""

    @property
    def heard_age_s(self) -> float | None:
        """Real seconds since the last message, heartbeats included; None if there was none."""
        return None if self._last_heard_s is None else time.monotonic() - self._last_heard_s

    def __str__(self) -> str:
        age_s = self.heard_age_s
        heard = "never heard" if age_s is None else f"last heard {age_s:.0f} s ago"
        silent = " (silent: no heartbeat)" if age_s is not None and age_s > SILENCE_S else ""
        problem = f" ({self.problem})" if self.problem else ""
        return f"Kafka {self._settings.get('bootstrap.servers', '')}: {heard}{silent}{problem}"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                logger.error("the Kafka input did not end within %.0f s", _STOP_S)

    def _run(self) -> None:
        consumer = self._kafka.Consumer(self._settings, logger=logger)
        try:
            consumer.subscribe(self._topics)
            while not self._ending.is_set():
                messages = consumer.consume(_AT_ONCE, _POLL_S)
                if messages:
                    self._take(consumer, messages)
        finally:
            consumer.close()

    def _take(self, consumer: Any, messages: Sequence[Any]) -> None:
        arrived_s = time.monotonic()
        good: list[Any] = []
        for message in messages:
            if (error := message.error()) is not None:
                self._complain(str(error.str()))
            else:
                self._last_heard_s, self.problem = arrived_s, ""
                good.append(message)
        packets = [m for m in good if m.topic() != HEARTBEAT and m.value()]
        arrivals = [Arrival(m.value(), f"kafka:{m.topic()}", arrived_s) for m in packets]
        outcomes = list(self._receive(arrivals)) if arrivals else []
        while any(isinstance(outcome, NotStored) for outcome in outcomes):
            # Nothing is committed until all of them are safe.
            if self._ending.wait(_AGAIN_S):
                return
            again = [at for at, outcome in enumerate(outcomes) if isinstance(outcome, NotStored)]
            for at, outcome in zip(again, self._receive([arrivals[at] for at in again]), strict=True):
                outcomes[at] = outcome
        if good:
            self._commit(consumer, good)
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            if not isinstance(outcome, Received):
                logger.warning("refused a message of %d bytes from %s: %s", len(arrival.raw), arrival.source, outcome)
            elif not outcome.duplicate:
                self._act(outcome)

    def _act(self, received: Received) -> None:
        received.note("acknowledged")
        try:
            self._acknowledged(received)
        except Exception:  # whatever follows on one packet must not end the input
            logger.exception("what follows on alert %s failed", received.packet.ivorn)

    def _commit(self, consumer: Any, messages: Sequence[Any]) -> None:
        last = {(m.topic(), m.partition()): m.offset() for m in messages}
        offsets = [self._kafka.TopicPartition(t, p, offset + 1) for (t, p), offset in last.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except self._kafka.KafkaException as error:
            self._complain(f"offsets were not committed: {error}")

    def _hear_error(self, error: Any) -> None:
        self._complain(str(error.str()))

    def _complain(self, text: str) -> None:
        self.problem = text
        if text not in self._warned:  # topics without a recent message are unknown to the broker: said once
            self._warned.add(text)
            logger.warning("Kafka: %s", text)
