"""What changes a night."""

from __future__ import annotations

from dataclasses import dataclass

from pyros_kernel.scheduling.block import Block, Id
from pyros_kernel.scheduling.conditions import Conditions


@dataclass(frozen=True, slots=True)
class Alert:
    """A target of opportunity: observed as soon as it can be.

    :param interrupts: end what runs now for it; otherwise it waits for its end
    """

    block: Block
    interrupts: bool = True


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing can be observed between two times (unix seconds): clouds, a repair; what runs then is interrupted."""

    start_unix_s: float
    end_unix_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A block ended without success; with ``again`` it may be placed once more."""

    id: Id
    again: bool = True


@dataclass(frozen=True, slots=True)
class Overrun:
    """What runs will end later, or sooner, than planned."""

    id: Id
    end_unix_s: float


@dataclass(frozen=True, slots=True)
class Pinned:
    """A user wants a block at this time, and nowhere else."""

    id: Id
    start_unix_s: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """A user wants a block not to be observed."""

    id: Id


@dataclass(frozen=True, slots=True)
class Freed:
    """Time has come free, or requests have come: what is planned stays, and the rest is filled."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The sky is expected to be otherwise than it was: what asks for seeing or transparency moves or goes."""

    conditions: Conditions


Event = Alert | Lost | Failed | Overrun | Pinned | Dropped | Freed | Forecast
