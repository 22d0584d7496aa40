"""What an input gives to the inbox, and what it gets back for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.tree import NotVoevent


class NotStored(Exception):
    """The packet could not be made durable: it must not be acknowledged, and should be sent again."""

    def __init__(self, reason: str, ivorn: str) -> None:
        super().__init__(reason)
        self.ivorn = ivorn


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet's bytes.

    :param source: who brought it, for people: ``vtp:127.0.0.1:40112`` or ``file:packet.xml``
    :param last_byte_s: reading of ``time.monotonic()`` at its last byte
    :param strict: refuse what does not follow the schema of VOEvent 2.0
    """

    raw: bytes
    source: str
    last_byte_s: float
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A packet that is durable.

    :param row: gives the id of its row, which is written first if it is not there yet
    :param duplicate: whether it was there before; then there is nothing to do but to acknowledge it
    :param last_byte_s: reading of ``time.monotonic()`` when its last byte arrived
    :param steps: step → milliseconds (real) since then
    """

    row: Callable[[], int]
    packet: Packet
    duplicate: bool
    last_byte_s: float
    steps: dict[str, float] = field(default_factory=dict[str, float])
    source: str = ""

    @property
    def alert_id(self) -> int:
        """The id of its row.

        :raises SQLAlchemyError: if the database refuses it
        :raises StoreError: if the store is closed
        :raises OSError: if its file can't be written
        """
        return self.row()

    def note(self, step: str) -> dict[str, float]:
        """Write down how long after the last byte a step was first reached; give all steps so far."""
        self.steps.setdefault(step, ms_since(self.last_byte_s))
        return dict(self.steps)


Outcome = Received | NotVoevent | NotStored
Receive = Callable[[Sequence[Arrival]], Sequence[Outcome]]


def ms_since(last_byte_s: float) -> float:
    """Give the milliseconds since a reading of ``time.monotonic()``."""
    return round((time.monotonic() - last_byte_s) * 1000, 3)
