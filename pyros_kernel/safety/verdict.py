"""A verdict: safe or not, as a tree of reasons with values and ages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Safety(StrEnum):
    """What a reason, or all of them together, say."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"  # silent or stale: treated as unsafe everywhere


CLOSING = ("close", "close_now")


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says, with the value, its limit and its age.

    :param text: the sentence a user reads, e.g. ``humidity 88 % > 85 % (12 s old)``
    :param consequence: ``warn``, ``pause``, ``close`` or ``close_now``
    :param parts: what each source says, where there are several, or one is dead
    """

    quantity: str
    safety: Safety
    text: str
    age_s: float | None
    consequence: str
    parts: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all rules together say, at one moment (unix seconds).

    :param safety: whether the dome may be open: what the rules that close say together
    """

    time_s: float
    safety: Safety
    reasons: tuple[Reason, ...]

    @property
    def safe(self) -> bool:
        """Whether the dome may be open."""
        return self.safety is Safety.SAFE

    @property
    def against(self) -> tuple[Reason, ...]:
        """The reasons that speak against an open dome."""
        return tuple(r for r in self.reasons if r.safety is not Safety.SAFE and r.consequence in CLOSING)

    @property
    def pausing(self) -> tuple[Reason, ...]:
        """The reasons that hold observing while the dome stays open."""
        return tuple(r for r in self.reasons if r.safety is not Safety.SAFE and r.consequence == "pause")

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """The reasons that are only to be known, and every source that is dead."""
        warned = [r for r in self.reasons if r.safety is not Safety.SAFE and r.consequence == "warn"]
        dead = [p for r in self.reasons if r.safety is Safety.SAFE for p in r.parts if p.safety is not Safety.SAFE]
        return (*warned, *dead)

    @property
    def close_now(self) -> bool:
        """Whether the dome must close at once, before the telescope is parked."""
        return any(r.consequence == "close_now" and r.safety is Safety.UNSAFE for r in self.reasons)

    def __str__(self) -> str:
        return "safe" if self.safe else "; ".join(r.text for r in self.against) or str(self.safety)


def judged(time_s: float, reasons: tuple[Reason, ...]) -> Verdict:
    """Put reasons together: the worst of those that close decides."""
    found = {r.safety for r in reasons if r.consequence in CLOSING}
    worst = next((s for s in (Safety.UNSAFE, Safety.UNKNOWN) if s in found), Safety.SAFE)
    return Verdict(time_s, worst, reasons)
