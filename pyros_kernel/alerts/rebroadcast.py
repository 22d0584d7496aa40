"""An archive brought to subscribers, as the broker did that it was kept from.

An author port refuses what breaks the schema, such as GECAM's packets; who subscribes keeps them, with the error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from pyros_kernel.alerts.broadcaster import Broadcaster
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.received import Arrival, Outcome, Received
from pyros_kernel.alerts.sendvo import NotDelivered
from pyros_kernel.alerts.transport import VtpReceiver
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.alerts.tree import NotVoevent

_LAST_S = 5.0
_LOOK_S = 0.05


class Rebroadcast(AbstractContextManager["Rebroadcast"]):
    """Serve subscribers while it is entered.

    :param port: TCP port; 0 for any that is free
    :raises CannotListen: if it is taken
    """

    def __init__(self, host: str, port: int) -> None:
        self._broadcaster = Broadcaster(host=host, port=port)
        self._loop = VtpReceiver(_take_nothing, _follow_nothing, port=None)
        self._loop.add(self._broadcaster)
        self._loop.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._broadcaster.port

    @property
    def subscribers(self) -> list[str]:
        """Who listens now."""
        return self._broadcaster.subscribers

    def bring(self, raw: bytes) -> Answer:
        """Send a packet to everybody who listens.

        :raises NotDelivered: if nobody does
        """
        try:
            packet = read_packet(raw)
        except NotVoevent as error:
            return Answer(False, str(error))
        if packet.suffix != "xml":
            return Answer(False, "subscribers understand VOEvents only")
        if not self.subscribers:
            raise NotDelivered("nobody listens any more")
        self._broadcaster.publish(raw)
        return Answer(True, f"sent to {len(self.subscribers)} subscribers")

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        deadline_s = time.monotonic() + _LAST_S
        while exc_type is None and self._broadcaster.waiting and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        self._loop.stop()


def _take_nothing(_arrivals: Sequence[Arrival]) -> Sequence[Outcome]:
    return ()


def _follow_nothing(_received: Received) -> None:
    return
