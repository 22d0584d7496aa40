"""What would become of a packet now, in words, without anything being stored or moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from pyros_kernel.alerts.event import find_request_id, retracted_by
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.strategy import WhyNot, decide
from pyros_kernel.clock import Clock
from pyros_kernel.store import Request, Store, Strategy


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a packet.

    :param outcome: in a few words
    :param strategy: name of the strategy that wants it; empty if none does
    :param reasons: why, sentence by sentence
    """

    title: str
    outcome: str
    strategy: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((f"{self.title}: {self.outcome}", *(f"  {reason}" for reason in self.reasons)))

    __repr__ = __str__


def explain(store: Store, packet: Packet, clock: Clock, why_not: WhyNot | None = None) -> Explanation:
    """Say what would become of a packet now, and why.

    :param why_not: says why a packet's position can't be observed now, or nothing
    """
    now_s = clock.unix_s()
    now = datetime.fromtimestamp(now_s, UTC)
    with store.session(read_only=True) as session:
        strategies = session.scalars(select(Strategy)).all()
        request_id = find_request_id(session, None, packet, now)
        request = None if request_id is None else session.get(Request, request_id)
        retraction = retracted_by(session, packet, now)
        name = "" if request is None else request.name
    decision = decide(packet, strategies, now_s, why_not)
    reasons = list(decision.reasons)
    if packet.schema_error:
        reasons.append(f"it breaks the schema of VOEvent 2.0: {packet.schema_error}")
    if packet.is_retraction and not packet.is_test:
        ends = f"withdraws {name}: what runs of it is interrupted"
        outcome = ends if name else "kept, should what it retracts still come"
        return Explanation(packet.title, outcome, "", tuple(reasons))
    if retraction:
        return Explanation(packet.title, "ignored", "", (f"it was retracted before, by {retraction}", *reasons))
    if decision.strategy is None:
        return Explanation(packet.title, "ignored", "", tuple(reasons))
    chosen = decision.strategy.name
    if name:
        reasons.append(f"it belongs to {name}: a better position is taken over, a worse one is not")
        return Explanation(packet.title, f"follows {name}", chosen, tuple(reasons))
    now_or_later = "observed at once, if the night allows"
    if why_not is not None and (reason := why_not(packet)):
        now_or_later = "scheduled for when it can be observed"
        reasons.append(reason)
    return Explanation(packet.title, f"strategy {chosen!r}: {now_or_later}", chosen, tuple(reasons))


def strategy_table(store: Store) -> list[dict[str, Any]]:
    """Give the strategies as rows for people, in the order in which they are asked."""
    with store.session(read_only=True) as session:
        strategies = session.scalars(select(Strategy)).all()
    return [
        {
            "name": s.name,
            "enabled": s.enabled,
            "default": s.is_default,
            "order": s.order,
            "wants": "; ".join(f"{key} {_words(value)}" for key, value in s.conditions.items()) or "everything",
            "observes": "; ".join(f"{key} {_words(value)}" for key, value in s.observation.items()),
            "description": s.description,
        }
        for s in sorted(strategies, key=lambda s: (s.is_default, -s.order, s.name))
    ]


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


__all__ = ["Explanation", "explain", "strategy_table"]
