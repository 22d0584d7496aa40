"""Which alerts speak of the same event: by trigger, by citation, or by time and place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.streams import Kind
from pyros_kernel.store import Alert

# Numbers that senders use for "no trigger": packets that share them have nothing to do with each other.
_NO_TRIGGER = {"", "0", "-1", "99999", "16777215"}
# How a retraction's reason begins in the store: what it retracts may come after it.
RETRACTS = "it retracts"
# Packets of one event come within days; older ones are not looked through, however many there are.
_LOOK_BACK = timedelta(days=30)
# Two satellites see the same burst within its duration; within their errors, which are 1 sigma or 90 %.
_SAME_BURST = timedelta(seconds=100)
_ERRORS = 2.0
_CLOSE_DEG = 0.2


_C = Alert.__table__.c
# Statements that are made once: an alert waits for them, and SQLAlchemy takes longer to make one than to ask it.
_TRIGGER = and_(_C.stream == bindparam("stream"), _C.trigger_id == bindparam("trigger"))
_OTHERS = and_(_C.received > bindparam("since"), _C.id != bindparam("own"), _C.request_id.is_not(None))
_SAME = (
    select(_C.request_id)
    .where(_OTHERS, or_(_C.ivorn.in_(bindparam("cited", expanding=True)), _TRIGGER))
    .order_by(_C.id.desc())
    .limit(1)
)
_NEAR = (
    select(_C.request_id, _C.ra_deg, _C.dec_deg, _C.error_deg)
    .where(
        _OTHERS,
        _C.event_time.between(bindparam("begin"), bindparam("end")),
        # Two triggers of one stream are two events; without their numbers (IceCube, GECAM) only time and place tell.
        or_(_C.stream != bindparam("numbered"), _C.trigger_id == ""),
    )
    .order_by(_C.id.desc())
)
_RETRACTION = (
    select(_C.ivorn)
    .where(
        _C.is_retraction,
        _C.received > bindparam("since"),
        _C.reason.startswith(RETRACTS),
        _C.role != "test",
        or_(_C.reason.like(bindparam("about"), escape="/"), _TRIGGER),
    )
    .limit(1)
)
_SPECIAL = re.compile(r"([/%_])")


def find_request_id(session: Session, alert_id: int | None, packet: Packet, now: datetime) -> int | None:
    """Find the request of the same event, as its id.

    :param alert_id: the alert that asks; None if it has no row yet
    :param now: observatory time, UTC
    """
    words = _words(packet, now) | {"own": alert_id or 0}
    cited = [c.ivorn for c in packet.citations if c.ivorn]
    if cited or words["trigger"]:
        found = session.connection().execute(_SAME, words | {"cited": cited}).scalar()
        if found is not None:
            return found
    return _by_time_and_place(session, words, packet)


def retracted_by(session: Session, packet: Packet, now: datetime) -> str:
    """Give the IVORN of a retraction that came before what it retracts; empty if there is none.

    :param now: observatory time, UTC
    """
    about = {"about": "%" + _SPECIAL.sub(r"/\1", packet.ivorn) + "%"}
    return session.connection().execute(_RETRACTION, _words(packet, now) | about).scalar() or ""


def _words(packet: Packet, now: datetime) -> dict[str, Any]:
    trigger = packet.trigger_id if packet.trigger_id.lstrip("0") not in _NO_TRIGGER else None
    return {"since": now - _LOOK_BACK, "stream": packet.stream, "trigger": trigger}


def _by_time_and_place(session: Session, words: Mapping[str, Any], packet: Packet) -> int | None:
    if packet.event_utc is None or packet.position_problem or packet.kind is Kind.POINTING:
        return None
    if packet.is_retraction and (words["trigger"] or packet.citations):
        return None
    assert packet.ra_deg is not None and packet.dec_deg is not None  # the position has no problem
    span = {"begin": packet.event_utc - _SAME_BURST, "end": packet.event_utc + _SAME_BURST}
    numbered = {"numbered": packet.stream if words["trigger"] else ""}
    others = session.connection().execute(_NEAR, {**words, **span, **numbered})
    for request_id, ra_deg, dec_deg, error_deg in others:
        if ra_deg is None or dec_deg is None:
            continue
        reach_deg = max(_CLOSE_DEG, _ERRORS * ((error_deg or 0.0) + (packet.error_deg or 0.0)))
        if separation_deg(packet.ra_deg, packet.dec_deg, ra_deg, dec_deg) <= reach_deg:
            return request_id
    return None


def separation_deg(ra1_deg: float, dec1_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Give the angle between two directions (haversine formula)."""
    ra1, dec1, ra2, dec2 = map(math.radians, (ra1_deg, dec1_deg, ra2_deg, dec2_deg))
    half = math.sin((dec2 - dec1) / 2) ** 2 + math.cos(dec1) * math.cos(dec2) * math.sin((ra2 - ra1) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))
