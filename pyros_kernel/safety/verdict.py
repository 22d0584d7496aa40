"""A verdict: safe or not, as a tree of reasons with values and ages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Safety(StrEnum):
    """What a reason, or all of them together, say."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"  # silent or stale: treated as unsafe everywhere


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says, with the value, its limit and its age.

    :param text: the sentence a user reads, e.g. ``humidity 88 % > 85 % (12 s old)``
    """

    quantity: str
    safety: Safety
    text: str
    age_s: float | None
    consequence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all rules together say, at one moment (unix seconds)."""

    time_s: float
    safety: Safety
    reasons: tuple[Reason, ...]

    @property
    def safe(self) -> bool:
        """Whether the dome may be open."""
        return self.safety is Safety.SAFE

    @property
    def against(self) -> tuple[Reason, ...]:
        """The reasons that speak against it."""
        return tuple(r for r in self.reasons if r.safety is not Safety.SAFE)

    @property
    def close_now(self) -> bool:
        """Whether the dome must close at once, before the telescope is parked."""
        return any(r.consequence == "close_now" and r.safety is Safety.UNSAFE for r in self.reasons)

    def __str__(self) -> str:
        return "safe" if self.safe else "; ".join(r.text for r in self.against) or str(self.safety)
