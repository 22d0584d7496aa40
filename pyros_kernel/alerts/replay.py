"""Sending a packet at a given observatory time, as a broker would: for rehearsals and simulated nights."""

from __future__ import annotations

import logging
import threading

from astropy.time import Time

from pyros_kernel.alerts.sendvo import NotDelivered, send
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.clock import Clock

logger = logging.getLogger(__name__)

_STOP_DEADLINE_S = 5.0
_ANSWER_TIMEOUT_S = 4.0


class AlertReplay:
    """Wait until a time and bring a packet to the author port then.

    :param raw: the packet
    :param when: observatory time
    """

    def __init__(self, raw: bytes, when: Time, clock: Clock, *, host: str = "127.0.0.1", port: int) -> None:
        self._raw, self._when, self._clock = raw, when, clock
        self._host, self._port = host, port
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pyros-replay", daemon=True)
        self._answer: Answer | None = None
        self._problem = ""

    @property
    def answer(self) -> Answer | None:
        """What the receiver answered; None while it has not, or if it could not be reached."""
        return self._answer

    @property
    def problem(self) -> str:
        """Why it could not be delivered; empty if it was, or is still to be."""
        return self._problem

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """End, whether it was sent or not."""
        self._cancelled.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_DEADLINE_S)

    def _run(self) -> None:
        if not self._clock.wait_until(self._when, self._cancelled):
            return
        try:
            self._answer = send(self._raw, self._host, self._port, timeout_s=_ANSWER_TIMEOUT_S)
        except NotDelivered as error:
            self._problem = str(error)
            logger.error("the replayed alert was not delivered: %s", error)
        else:
            logger.info("the replayed alert was %s", "acknowledged" if self._answer.ack else "refused")
