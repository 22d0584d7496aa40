"""Which alerts speak of the same event: by trigger, by citation, or by time and place."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
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


def find_request_id(session: Session, alert_id: int | None, packet: Packet, now: datetime) -> int | None:
    """Find the request of the same event, as its id.

    :param alert_id: the alert that asks
    :param now: observatory time, UTC
    """
    since = and_(Alert.received > now - _LOOK_BACK, Alert.id != alert_id, Alert.request_id.is_not(None))
    if same := _same(packet):
        query = select(Alert.request_id).where(since, or_(*same)).order_by(Alert.id.desc()).limit(1)
        if (found := session.scalar(query)) is not None:
            return found
    return _by_time_and_place(session, since, packet)


def retracted_by(session: Session, packet: Packet, now: datetime) -> str:
    """Give the IVORN of a retraction that came before what it retracts; empty if there is none.

    :param now: observatory time, UTC
    """
    about = [Alert.reason.contains(packet.ivorn, autoescape=True)]
    if _has_trigger(packet):
        about.append(_trigger(packet))
    query = select(Alert.ivorn).where(
        Alert.is_retraction, Alert.received > now - _LOOK_BACK, Alert.reason.startswith(RETRACTS),
        Alert.role != "test", or_(*about),
    )  # fmt: skip
    return session.scalars(query.limit(1)).first() or ""


def _same(packet: Packet) -> list[ColumnElement[bool]]:
    same: list[ColumnElement[bool]] = []
    if cited := [c.ivorn for c in packet.citations if c.ivorn]:
        same.append(Alert.ivorn.in_(cited))
    if _has_trigger(packet):
        same.append(_trigger(packet))
    return same


def _by_time_and_place(session: Session, since: ColumnElement[bool], packet: Packet) -> int | None:
    if packet.event_utc is None or packet.position_problem or packet.is_retraction or packet.kind is Kind.POINTING:
        return None
    assert packet.ra_deg is not None and packet.dec_deg is not None  # the position has no problem
    others = session.execute(
        select(Alert.request_id, Alert.ra_deg, Alert.dec_deg, Alert.error_deg)
        .where(
            since,
            Alert.event_time.between(packet.event_utc - _SAME_BURST, packet.event_utc + _SAME_BURST),
            Alert.stream != packet.stream,
        )
        .order_by(Alert.id.desc())
    )
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


def _has_trigger(packet: Packet) -> bool:
    return packet.trigger_id.lstrip("0") not in _NO_TRIGGER


def _trigger(packet: Packet) -> ColumnElement[bool]:
    return and_(Alert.stream == packet.stream, Alert.trigger_id == packet.trigger_id)
