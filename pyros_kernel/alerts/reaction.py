"""What is done about an alert that is stored: one transaction, and one only however often it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pyros_kernel.alerts.event import RETRACTS, find_request_id, retracted_by
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.request import (
    UNENDED,
    UnusableStrategy,
    change_request,
    make_request,
    unusable,
    withdraw_request,
)
from pyros_kernel.alerts.strategy import WhyNot, decide
from pyros_kernel.clock import Clock
from pyros_kernel.store import Alert, AlertStatus, Request, RequestStatus, Sequence, Store, Strategy

logger = logging.getLogger(__name__)

# Rows of these words, not objects: they are only read, and an alert waits for them.
_S, _A = Strategy.__table__.c, Alert.__table__.c
_STRATEGIES = select(_S.name, _S.enabled, _S.is_default, _S.order, _S.conditions, _S.observation)
_STATUS = select(_A.status).where(_A.ivorn == bindparam("ivorn"), _A.digest == bindparam("digest"))
_MIN_ALTITUDE_DEG = float(Sequence.__table__.c.min_altitude_deg.default.arg)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of an alert.

    :param reason: why, in words
    :param sequence: what is to be observed now, detached; None if nothing new is
    :param withdrawn: ids of the sequences that must not be observed any more; one of them may be running
    """

    alert_id: int
    status: AlertStatus
    reason: str
    sequence: Sequence | None
    withdrawn: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What will be decided about a new event.

    :param strategy: name of the strategy that wants it
    :param min_altitude_deg: below it nothing is observed
    """

    strategy: str
    min_altitude_deg: float


def foresee(store: Store, packet: Packet, now_s: float, why_not: WhyNot | None = None) -> Foreseen | None:
    """Tell, without writing anything, whether an alert will make a new request; None if it will not.

    :param packet: stored durably; its row may still be missing
    :param now_s: observatory time, unix seconds UTC
    """
    if packet.is_retraction:
        return None
    with store.session(read_only=True) as session:
        ask = session.connection().execute
        own = ask(_STATUS, {"ivorn": packet.ivorn, "digest": packet.digest}).scalar()
        if own not in (None, AlertStatus.RECEIVED):
            return None
        now = datetime.fromtimestamp(now_s, UTC)
        if find_request_id(session, None, packet, now) is not None or retracted_by(session, packet, now):
            return None
        strategies = ask(_STRATEGIES).all()
        decision = decide(packet, cast("Iterable[Strategy]", strategies), now_s, why_not)
        if decision.strategy is None:
            return None
        observation = decision.strategy.observation
        if unusable(session, observation):
            return None  # react() says so, and asks the next strategy
        return Foreseen(decision.strategy.name, float(observation.get("min_altitude_deg", _MIN_ALTITUDE_DEG)))


def react(
    store: Store,
    alert_id: int,
    packet: Packet,
    clock: Clock,
    note: Callable[[str], dict[str, float]],
    why_not: WhyNot | None = None,
) -> Reaction:
    """Decide about a stored alert and make, change or withdraw its request.

    An alert that was decided about before is left as it is.

    :param why_not: says why a packet's position can't be observed now, or nothing
    :param note: called with the name of each step that is reached; gives all steps so far, which the alert keeps
    """
    now_s = clock.unix_s()
    # One flush, at the end: each costs a millisecond.
    with store.session() as session, session.no_autoflush:
        alert = session.get_one(Alert, alert_id)
        if alert.status is not AlertStatus.RECEIVED:
            return Reaction(alert_id, alert.status, alert.reason, None)
        now = datetime.fromtimestamp(now_s, UTC)
        request_id = find_request_id(session, alert.id, packet, now)
        request = None if request_id is None else session.get(Request, request_id)
        sequence, withdrawn = None, ()
        if packet.is_retraction and not packet.is_test:
            withdrawn = _retract(session, alert, packet, request)
        elif retraction := retracted_by(session, packet, now):
            alert.become(AlertStatus.RETRACTED, f"retracted before it came, by {retraction}")
        else:
            sequence = _decide(session, alert, packet, request, now, note, why_not)
        alert.steps = {**alert.steps, **note("requested" if sequence else "decided")}
        return Reaction(alert_id, alert.status, alert.reason, sequence, withdrawn)


def _retract(session: Session, alert: Alert, packet: Packet, request: Request | None) -> tuple[int, ...]:
    """Withdraw the request of a retracted event; give the ids of the sequences that end with it."""
    cited = [c.ivorn for c in packet.citations]
    if request is None:
        # What it retracts may still be under way.
        alert.become(AlertStatus.IGNORED, f"{RETRACTS} what is not known: {', '.join(cited)}; it is a retraction")
        return ()
    withdrawn = withdraw_request(session, alert, request, cited)
    if request.status is RequestStatus.CANCELLED:
        alert.become(AlertStatus.IGNORED, f"{RETRACTS} {request.name}: {len(withdrawn)} sequences withdrawn")
    else:
        why = "others stand by it" if request.status in UNENDED else f"it is {request.status} already"
        alert.become(AlertStatus.IGNORED, f"{RETRACTS} its own part of {request.name}, which stays: {why}")
    return tuple(sequence.id for sequence in withdrawn)


def _decide(
    session: Session,
    alert: Alert,
    packet: Packet,
    request: Request | None,
    now: datetime,
    note: Callable[[str], object],
    why_not: WhyNot | None,
) -> Sequence | None:
    strategies = list(session.scalars(select(Strategy)))
    unusable: list[str] = []
    while True:
        decision = decide(packet, strategies, now.timestamp(), why_not)
        note("decided")
        if decision.strategy is None:
            alert.become(AlertStatus.IGNORED, "; ".join((*unusable, *decision.reasons)))
            return None
        alert.strategy = decision.strategy
        if request is not None:
            return _follow(session, alert, request)
        try:
            sequence = make_request(session, alert, decision.strategy, now)
        except UnusableStrategy as error:
            # Whoever wrote it must hear of it; the burst must not wait until it is mended.
            logger.error("%s; the next strategy is asked", error)
            unusable.append(str(error))
            alert.strategy = None
            strategies.remove(decision.strategy)
            continue
        alert.become(AlertStatus.ACCEPTED, "; ".join((f"strategy {decision.strategy.name!r}", *unusable)))
        return sequence


def _follow(session: Session, alert: Alert, request: Request) -> Sequence | None:
    """Let the one request of an event follow a later packet."""
    if request.status is RequestStatus.CANCELLED:
        alert.become(AlertStatus.IGNORED, f"{request.name} is cancelled: {request.reason}")
        return None
    changed = change_request(session, alert, request)
    what = "has its position now" if changed else "keeps its position: it is as good, or has begun"
    alert.become(AlertStatus.ACCEPTED, f"{request.name} {what}")
    return changed[0] if changed else None
