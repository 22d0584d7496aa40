"""Sending kept packets at their times by the observatory's clock, as a broker would: for rehearsals and tests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from astropy.time import Time

from pyros_kernel.alerts.archive import Archived
from pyros_kernel.alerts.sendvo import NotDelivered, send
from pyros_kernel.alerts.transport import CannotListen
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.clock import Clock

logger = logging.getLogger(__name__)

_STOP_DEADLINE_S = 5.0
_ANSWER_TIMEOUT_S = 4.0


class AlertReplay:
    """Bring packets to an author port, one after the other, at their own spacing.

    :param packets: in the order in which they were sent; one that does not say when goes with the one before it
    :param when: observatory time of the first one
    :param faster: how many times shorter than their own the spacing is
    :param bring: takes a packet's bytes instead of the author port
    :param refused: takes the name and bytes of a packet that the author port refuses, as an archived one that breaks
        the schema, and gives its own answer
    :raises ValueError: if ``faster`` is not positive
    """

    def __init__(
        self,
        packets: Sequence[Archived],
        when: Time,
        clock: Clock,
        *,
        faster: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        bring: Callable[[bytes], Answer] | None = None,
        refused: Callable[[str, bytes], Answer] | None = None,
    ) -> None:
        if not faster > 0:
            raise ValueError(f"packets can't be replayed {faster} times faster: give a number above 0")
        self._packets, self._clock = packets, clock
        self._at_s = _moments(packets, when.unix, faster)
        self._bring = bring or partial(send, host=host, port=port, timeout_s=_ANSWER_TIMEOUT_S)
        self._refused = refused
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pyros-replay", daemon=True)
        self._answers: list[Answer] = []
        self._problems: list[str] = []

    @property
    def answer(self) -> Answer | None:
        """What the receiver answered last; None while it has not, or if it could not be reached."""
        return self._answers[-1] if self._answers else None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What it answered so far, packet by packet."""
        return tuple(self._answers)

    @property
    def problem(self) -> str:
        """Which packets could not be delivered, and why; empty if all were, or are still to be."""
        return "; ".join(self._problems)

    @property
    def ended(self) -> bool:
        """Whether all were sent, or it was stopped."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Begin to wait for the first one's moment."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all were sent.

        :param timeout_s: real seconds
        :return: whether they were
        """
        self._thread.join(timeout_s)
        return self.ended

    def stop(self) -> None:
        """End; what was not sent is not sent."""
        self._cancelled.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_DEADLINE_S)

    def __repr__(self) -> str:
        acks = sum(answer.ack for answer in self._answers)
        refused = len(self._answers) - acks
        state = "ended" if self.ended else "stopped" if self._cancelled.is_set() else "goes on"
        problem = f"; {self.problem}" if self._problems else ""
        return f"<replay of {len(self._packets)} packets: {acks} taken, {refused} refused; {state}{problem}>"

    def _run(self) -> None:
        for packet, at_s in zip(self._packets, self._at_s, strict=True):
            if not self._clock.wait_until(Time(at_s, format="unix"), self._cancelled):
                return
            try:
                answer = self._bring(packet.raw)
                if not answer.ack and self._refused is not None:
                    answer = self._refused(packet.name, packet.raw)
            except (NotDelivered, CannotListen) as error:
                self._problems.append(f"{packet.name}: {error}")
                logger.error("the replayed packet %s was not delivered: %s", packet.name, error)
                continue
            self._answers.append(answer)
            taken = "acknowledged" if answer.ack else f"refused: {answer.text}"
            logger.info("the replayed packet %s was %s", packet.name, taken)


def _moments(packets: Sequence[Archived], first_s: float, faster: float) -> list[float]:
    moments: list[float] = []
    begin_s = next((packet.sent_s for packet in packets if packet.sent_s is not None), 0.0)
    at_s = begin_s
    for packet in packets:
        at_s = at_s if packet.sent_s is None else max(at_s, packet.sent_s)
        moments.append(first_s + (at_s - begin_s) / faster)
    return moments
