"""What a panel needs of an observatory: its picture, and commands that return at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pyros_kernel.snapshot import Snapshot


class Answered(Protocol):
    """What came back for an alert."""

    @property
    def ack(self) -> bool:
        """Whether it was taken."""
        ...

    @property
    def text(self) -> str:
        """What was said, or why it was refused."""
        ...


class Alerts(Protocol):
    """Where alerts are sent by hand."""

    def send(self, path: str) -> Answered:
        """Send a packet to the observatory's own port."""
        ...

    def explain(self, packet: str) -> Explained:
        """Say what would become of a packet now; nothing is stored or moved."""
        ...

    def replay(self, path: str, when: str | None = None) -> object:
        """Send a packet at a moment of the observatory's clock; returns at once."""
        ...


class Explained(Protocol):
    """What would become of an alert now."""

    @property
    def outcome(self) -> str:
        """In a few words."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, sentence by sentence."""
        ...


class ByHand(Protocol):
    """Single commands to the instruments."""

    @property
    def devices(self) -> Mapping[str, str]:
        """The devices that can be commanded: name → word in the language."""
        ...

    def send(self, device: str, action: str, operation: str, *values: float | str) -> Mapping[str, object]:
        """Send a command, and give what the device answers."""
        ...


class Agents(Protocol):
    """The agents."""

    def restart(self, name: str) -> object:
        """Replace an agent by a new one; takes as long as the old one needs to end."""
        ...


class Tasks(Protocol):
    """The tasks."""

    def revoke(self, uuid: str) -> object:
        """Take a task back; one that runs is told to end."""
        ...


class Placed(Protocol):
    """Why a sequence has its place, or none."""

    @property
    def reason(self) -> str:
        """The reason, in words."""
        ...

    @property
    def rivals(self) -> Sequence[object]:
        """What holds its time."""
        ...

    @property
    def change(self) -> str:
        """The smallest change that would place it; empty if none helps, or it is placed."""
        ...


class Schedule(Protocol):
    """The night's schedule; a change that can't be raises, and says why."""

    def pin(self, sequence: int, when: float | str) -> object:
        """Observe a sequence from a time (unix seconds, or ``03:15`` UTC), and at no other."""
        ...

    def drop(self, sequence: int, reason: str) -> object:
        """Don't observe a sequence tonight."""
        ...

    def release(self, sequence: int) -> object:
        """Take a pin or a drop back."""
        ...

    def reprioritise(self, sequence: int, priority: float) -> object:
        """Give a sequence another priority."""
        ...

    def explain(self, sequence: int) -> Placed:
        """Tell why a sequence has its place, or none; takes up to a second."""
        ...


class Lease(Protocol):
    """The control lease: one kernel commands, the others watch."""

    @property
    def me(self) -> str:
        """The name under which this kernel holds it, or would."""
        ...

    @property
    def held(self) -> bool:
        """Whether this kernel commands."""
        ...

    def ask(self, why: str) -> object:
        """Ask the holder to hand over."""
        ...

    def hand_over(self) -> object:
        """Give it to who asked."""
        ...


class Observed(Protocol):
    """An observatory as a panel sees it.

    All of it may be called from any thread; a command posts what is wanted and returns, a refusal raises.
    """

    def snapshot(self) -> Snapshot:
        """Give the whole observatory at one moment, cheaply."""
        ...

    def start(self) -> object:
        """Start the observatory."""
        ...

    def stop(self) -> object:
        """Stop the observatory."""
        ...

    def observe(self) -> object:
        """Begin the night."""
        ...

    def pause(self, reason: str) -> object:
        """Pause observing."""
        ...

    def resume(self) -> object:
        """Go on observing."""
        ...

    def stop_night(self, reason: str) -> object:
        """End the night: park and close."""
        ...

    def abort(self, reason: str) -> object:
        """Stop whatever moves or exposes, now."""
        ...

    def take_over(self, why: str) -> object:
        """Take command from whoever has it; recorded with the reason, takes seconds."""
        ...

    @property
    def lease(self) -> Lease:
        """The control lease, while it is started or watches."""
        ...

    @property
    def alerts(self) -> Alerts:
        """Where alerts are sent by hand."""
        ...

    @property
    def tasks(self) -> Tasks:
        """The tasks."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The night's schedule."""
        ...

    @property
    def agents(self) -> Agents:
        """The agents."""
        ...

    @property
    def by_hand(self) -> ByHand:
        """Single commands to the instruments."""
        ...
