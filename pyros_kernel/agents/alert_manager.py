"""The AlertManager: hears of bursts, and asks the Majordome to look at once."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import NotDelivered, Refused, UnknownAgent
from pyros_kernel.agents.majordome import Majordome, unobservable
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.sender import Sender
from pyros_kernel.alerts import (
    AlertInbox,
    Arrival,
    Explanation,
    Packet,
    Received,
    VtpReceiver,
    explain,
    foresee,
    quick,
    react,
    warm_up,
)
from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.inbox import Outcome, Receive
from pyros_kernel.alerts.kafka import KafkaInput
from pyros_kernel.alerts.remote import Remote
from pyros_kernel.alerts.watched import WatchedDirectory
from pyros_kernel.clock import Clock
from pyros_kernel.services import Services
from pyros_kernel.settings import Settings
from pyros_kernel.store import Store, StoreError

logger = logging.getLogger(__name__)

# The thread that receives waits for the Majordome's word that it heard; without one no longer than this (real
# seconds), so that the next packet's acknowledgement is not late.
_TELL_TIMEOUT_S = 0.5
_AGAIN_S = 5.0  # real seconds until an alert that the database refused to decide about is tried again


Source = TypeVar("Source", KafkaInput, WatchedDirectory)


class AlertServices(Protocol):
    """What the AlertManager needs of the observatory."""

    @property
    def store(self) -> Store:
        """Where alerts and requests are kept."""
        ...

    @property
    def clock(self) -> Clock:
        """The observatory's time."""
        ...

    @property
    def settings(self) -> Settings:
        """Where the packets' files go."""
        ...


class AlertManager(Agent):
    """Receive packets in a background thread; store, acknowledge, decide, and tell the Majordome.

    :param port: TCP port for authors; 0 for any that is free
    """

    hang_s = 30.0  # a database under load answers late, and the alert is decided about all the same

    MSG_REPLAY = "Replay"

    def __init__(
        self,
        services: AlertServices,
        *,
        port: int,
        host: str = "127.0.0.1",
        config: AgentConfig | None = None,
    ) -> None:
        super().__init__(Agent.ALERT_MANAGER, config=config, clock=services.clock)
        self.actions_by_message[self.MSG_REPLAY] = self.replay
        self._services = services
        self._quick = quick(services.store)
        self._alerts = AlertInbox(self._quick, services.settings.data, services.clock, durable=services.store)
        self._vtp = VtpReceiver(self._receive, self._act, host=host, port=port)
        self._counts: Counter[str] = Counter()
        self._left_over: list[Received] = []
        self._broadcasters: list[Broadcaster] = []
        self._sources: list[KafkaInput | WatchedDirectory] = []
        self._guard = threading.Lock()  # of the counts and of what is left over
        self._last_heard_s: float | None = None

    @property
    def port(self) -> int:
        """The port on which authors are heard."""
        return self._vtp.port

    def work(self) -> None:
        """Open the port, and finish what was acknowledged before a crash but not decided about."""
        warm_up(self._quick, self.clock)
        self._vtp.start()
        for received in self._alerts.undecided():
            logger.warning("alert %d was acknowledged before but not decided about", received.alert_id)
            self._act(received)
        self.every(_AGAIN_S, self._try_again, name="alerts-again")

    def shutdown(self) -> None:
        """Close the port."""
        for source in self._sources:
            source.stop()
        self._vtp.stop()
        self._alerts.close()
        self._quick.close()

    def status(self) -> dict[str, Any]:
        """Describe the agent, with its port, when it last heard anything, and what became of it."""
        with self._guard:
            heard = {"port": self.port, "last_heard_s": self._last_heard_s, "counts": dict(self._counts)}
        return super().status() | heard

    def replay(self, message: Message) -> None:
        """Take a packet from a file, given by its ``path``, as if it had come by the network."""
        path = Path(str(message.payload["path"]))
        try:
            raw = path.read_bytes()
        except OSError as error:
            logger.error("can't replay %s: %s", path, error)
            return
        (received,) = self._receive([Arrival(raw, f"file:{path}", time.monotonic())])
        if not isinstance(received, Received):
            logger.error("can't replay %s: %s", path, received)
        elif received.duplicate:
            logger.warning("%s was received before: alert %d", path, received.alert_id)
        else:
            self._act(received)

    def _receive(self, arrivals: Sequence[Arrival]) -> Sequence[Outcome]:
        outcomes = self._alerts.receive_all(arrivals)
        for outcome in outcomes:
            if isinstance(outcome, Received):
                self._count("duplicate" if outcome.duplicate else "received")
            else:
                self._count("refused")
        return outcomes

    def _count(self, what: str) -> None:
        with self._guard:
            self._counts[what] += 1
            self._last_heard_s = self.clock.unix_s()

    def _act(self, received: Received) -> None:
        try:
            self._point_at_once(received)
            reaction = react(self._quick, received.alert_id, received.packet, self.clock, received.note, self._why_not)
        except (SQLAlchemyError, StoreError):
            logger.exception("alert %d is stored, but could not be decided about; it is tried again", received.alert_id)
            with self._guard:
                self._left_over.append(received)
            return
        if received.packet.suffix == "xml":  # subscribers understand VOEvents only
            for broadcaster in self._broadcasters:
                broadcaster.publish(received.packet.raw)
        self._count(reaction.status)
        logger.info("alert %s: %s: %s", received.packet.ivorn, reaction.status, reaction.reason)
        if reaction.withdrawn:
            reason = f"retracted by {received.packet.ivorn}"
            payload = {"sequence_ids": list(reaction.withdrawn), "reason": reason}
            self._tell(received, Majordome.MSG_WITHDRAW, payload)
        sequence = reaction.sequence
        if sequence is None:
            return
        payload = self._payload(received, sequence.ra_deg, sequence.dec_deg, sequence.min_altitude_deg) | {
            "sequence_id": sequence.id,
            "steps": received.steps,
        }
        self._tell(received, Majordome.MSG_TARGET_OF_OPPORTUNITY, payload)

    def _tell(self, received: Received, what: str, payload: dict[str, Any]) -> None:
        try:
            Sender.send_to(Agent.MAJORDOME, what, payload, timeout_s=_TELL_TIMEOUT_S, config=self.config)
        except (NotDelivered, Refused, UnknownAgent) as error:
            # The store has it: the next schedule holds what was requested, and not what was withdrawn.
            logger.warning("alert %d: %r waits for the next schedule: %s", received.alert_id, what, error)

    def _point_at_once(self, received: Received) -> None:
        """Send the telescope to a new event before its request is written: that takes 3 ms."""
        majordome = Majordome.here(self.config.address(Agent.MAJORDOME))
        if majordome is None:
            return
        foreseen = foresee(self._quick, received.alert_id, received.packet, self.clock.unix_s(), self._why_not)
        if foreseen is None:
            return
        received.note("decided")
        packet = received.packet
        assert packet.ra_deg is not None and packet.dec_deg is not None  # the gate let it pass
        payload = self._payload(received, packet.ra_deg, packet.dec_deg, foreseen.min_altitude_deg)
        majordome.point_at_once(received.alert_id, payload)

    @staticmethod
    def _payload(received: Received, ra_deg: float, dec_deg: float, min_altitude_deg: float) -> dict[str, Any]:
        return {
            "alert_id": received.alert_id,
            "ra_deg": ra_deg,
            "dec_deg": dec_deg,
            "min_altitude_deg": min_altitude_deg,
            "t0_monotonic_s": received.last_byte_s,
        }

    def _why_not(self, packet: Packet) -> str:
        services = self._services
        if not isinstance(services, Services):  # a program without a telescope: everything counts as observable
            return ""
        assert packet.ra_deg is not None and packet.dec_deg is not None  # the gate let it pass
        return unobservable(services, packet.ra_deg, packet.dec_deg, services.site.min_altitude_deg)

    @property
    def ends(self) -> tuple[Receive, Callable[[Received], None]]:
        """The two functions that any input gives its packets to: keep them, act on them."""
        return self._receive, self._act

    def subscribe(self, host: str, port: int, filters: Sequence[str] = ()) -> Remote:
        """Listen to another broker from now on."""
        remote = Remote(host, port, *self.ends, filters=filters)
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

    def listen_in_thread(self, source: Source) -> Source:
        """Take packets from something with a thread of its own from now on; it ends with the agent."""
        source.start()
        self._sources.append(source)
        return source

    def explain(self, packet: Packet) -> Explanation:
        """Say what would become of a packet now, and why; nothing is stored or moved."""
        return explain(self._quick, packet, self.clock, self._why_not)

    def _try_again(self) -> None:
        with self._guard:
            left_over, self._left_over = self._left_over, []
        for received in left_over:
            self._act(received)
