"""What a rehearsal found: when each step would begin, how long it takes, and what would be refused."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """A step of a rehearsal; observatory seconds, ``start_s`` from the recipe's own start."""

    name: str
    start_s: float
    duration_s: float
    status: str
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A rehearsal of a recipe.

    :param state: how it ended: done, failed, interrupted
    :param refusals: everything that was refused on the way, as sentences
    :param now: what would keep it from beginning here at this moment, whenever it was rehearsed for: weather, missing
        devices, the lease, another recipe, the state of the night
    :param began: observatory time, ISO, UTC
    :param speed: of the rehearsal's clock: each step is measured to about 0.05 s times this
    """

    recipe: str
    state: str
    reason: str
    began: str
    duration_s: float
    speed: float
    steps: tuple[TimelineStep, ...]
    refusals: tuple[str, ...]
    result: Any = None
    now: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it came to its end and nothing was refused."""
        return self.state == "done" and not self.refusals

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Timeline:
        """Read what the rehearsal's process wrote."""
        steps = tuple(TimelineStep(**step) for step in told["steps"])
        rest: dict[str, Any] = {**told, "steps": steps, "refusals": tuple(told["refusals"])}
        return cls(**rest)

    def __str__(self) -> str:
        lines = [f"rehearsal of {self.recipe}, {self.began}: {self.state} after {self.duration_s:.0f} s"]
        if self.reason:
            lines.append(f"  {self.reason}")
        lines += [f"  {s.start_s:7.0f} s  {s.duration_s:6.0f} s  {s.status:<11} {s.name}" for s in self.steps]
        lines += [f"  refused: {sentence}" for sentence in self.refusals]
        lines += [f"  at this moment: {sentence}" for sentence in self.now]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        whole = max(self.duration_s, 1.0)
        rows = "".join(
            f"<tr><td>{escape(s.name)}</td><td>{s.start_s:.0f} s</td><td>{s.duration_s:.0f} s</td>"
            f"<td>{escape(s.status)}</td><td>{'&nbsp;' * round(30 * s.start_s / whole)}"
            f"{'█' * max(1, round(30 * s.duration_s / whole))}</td></tr>"
            for s in self.steps
        )
        refused = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.refusals)
        now = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.now)
        return (
            f"<b>{escape(self.recipe)}</b> rehearsed from {escape(self.began)}: {escape(self.state)} after "
            f"{self.duration_s:.0f} s {escape(self.reason)}"
            "<table><thead><tr><th>step</th><th>start</th><th>lasts</th><th>ends</th><th></th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
            + (f"refused:<ul>{refused}</ul>" if refused else "")
            + (f"at this moment:<ul>{now}</ul>" if now else "")
        )
