"""The AlertManager: hears of bursts, and asks the Majordome to look at once."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import NotDelivered, Refused, UnknownAgent
from pyros_kernel.agents.giving_way import unobservable
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.sender import Sender
from pyros_kernel.alerts import Explanation, Packet, Received, explain, foresee, quick, react, warm_up
from pyros_kernel.alerts.intake import Intake
from pyros_kernel.alerts.intake_process import IntakeProcess
from pyros_kernel.clock import Clock
from pyros_kernel.services import Services
from pyros_kernel.settings import Settings
from pyros_kernel.store import Store, StoreError

logger = logging.getLogger(__name__)

# The thread that receives waits for the Majordome's word that it heard; without one no longer than this (real
# seconds), so that the next packet's acknowledgement is not late.
_TELL_TIMEOUT_S = 0.5
_AGAIN_S = 5.0  # real seconds until an alert that the database refused to decide about is tried again


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
        """Where the packets' files go, and whether a thread or a process takes them."""
        ...


class AlertManager(Agent):
    """Receive packets in a thread or a process of their own; store, acknowledge, decide, and tell the Majordome.

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
        self.intake = (IntakeProcess if services.settings.alerts_apart else Intake)(
            services.store,
            services.settings.data,
            services.clock,
            host=host,
            port=port,
            act=self._act,
            counted=self._count,
        )
        self._counts: Counter[str] = Counter()
        self._left_over: list[Received] = []
        self._guard = threading.Lock()  # of the counts and of what is left over
        self._last_heard_s: float | None = None

    @property
    def port(self) -> int:
        """The port on which authors are heard."""
        return self.intake.port

    def work(self) -> None:
        """Open the port, and finish what was acknowledged before a crash but not decided about."""
        warm_up(self._quick, self.clock)
        self.intake.start()
        self.every(_AGAIN_S, self._try_again, name="alerts-again")

    def shutdown(self) -> None:
        """Close the port."""
        self.intake.stop()
        self._quick.close()

    def status(self) -> dict[str, Any]:
        """Describe the agent, with its port, when it last heard anything, and what became of it."""
        with self._guard:
            heard = {"port": self.port, "last_heard_s": self._last_heard_s, "counts": dict(self._counts)}
        return super().status() | heard

    def replay(self, message: Message) -> None:
        """Take a packet from a file, given by its ``path``, as if it had come by the network."""
        path = str(message.payload["path"])
        if problem := self.intake.take(path):
            logger.error("can't replay %s: %s", path, problem)

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
            "alert_id": received.alert_id,
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
        """Send the telescope to a new event before its row and its request are written.

        That takes 5 ms, more while somebody else writes; the synced journal has the packet.
        """
        majordome = Majordome.here(self.config.address(Agent.MAJORDOME))
        if majordome is None:
            return
        foreseen = foresee(self._quick, received.packet, self.clock.unix_s(), self._why_not)
        if foreseen is None:
            return
        received.note("decided")
        packet = received.packet
        assert packet.ra_deg is not None and packet.dec_deg is not None  # the gate let it pass
        payload = self._payload(received, packet.ra_deg, packet.dec_deg, foreseen.min_altitude_deg)
        majordome.point_at_once(payload)

    @staticmethod
    def _payload(received: Received, ra_deg: float, dec_deg: float, min_altitude_deg: float) -> dict[str, Any]:
        return {
            "key": " ".join(received.packet.key),
            "ivorn": received.packet.ivorn,
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

    def explain(self, packet: Packet) -> Explanation:
        """Say what would become of a packet now, and why; nothing is stored or moved."""
        return explain(self._quick, packet, self.clock, self._why_not)

    def _try_again(self) -> None:
        with self._guard:
            left_over, self._left_over = self._left_over, []
        for received in left_over:
            self._act(received)
