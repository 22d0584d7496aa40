"""What a drill found, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Measured:
    """A promise, and how it was held.

    :param limit_s: real seconds that are promised; None where only violations count
    :param seen: what was seen, where no seconds were measured
    """

    promise: str
    limit_s: float | None = None
    seconds: list[float] = field(default_factory=list[float])
    violations: list[str] = field(default_factory=list[str])
    runs: int = 0
    seen: str = ""

    @property
    def held(self) -> bool:
        """Whether it was tried, and held each time."""
        late = self.limit_s is not None and any(s > self.limit_s for s in self.seconds)
        return self.runs > 0 and not late and not self.violations

    def row(self) -> tuple[str, ...]:
        """Give the row of the table: promise, runs, median, worst, limit, and whether it was held."""
        worst = f"{max(self.seconds):.2f} s" if self.seconds else self.seen or "—"
        half = f"{median(self.seconds):.2f} s" if self.seconds else "—"
        limit = "—" if self.limit_s is None else f"{self.limit_s:g} s"
        return (self.promise, str(self.runs), half, worst, limit, "held" if self.held else "NOT HELD")


def merged(found: Iterable[list[Measured]]) -> list[Measured]:
    """Make one list of what the same drill found at several places."""
    rows = list(zip(*found, strict=True))
    return [
        Measured(
            same[0].promise,
            same[0].limit_s,
            [s for one in same for s in one.seconds],
            [v for one in same for v in one.violations],
            sum(one.runs for one in same),
            same[0].seen,
        )
        for same in rows
    ]


def table(measured: Iterable[Measured]) -> str:
    """Write the table, and below it what was violated."""
    found = list(measured)
    rows = [("promise", "runs", "median", "worst", "limit", ""), *(m.row() for m in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += [f"! {m.promise}: {text}" for m in found for text in m.violations]
    return "\n".join(lines)
