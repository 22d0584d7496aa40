"""The row of a packet in the store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pyros_kernel.alerts.packet import Packet
from pyros_kernel.store import Alert, AlertStatus


def columns_of(packet: Packet, received: datetime) -> dict[str, Any]:
    """Give what a packet's row holds.

    :param received: observatory time, UTC
    """
    return {
        "ivorn": packet.ivorn,
        "digest": packet.digest,
        "status": AlertStatus.RECEIVED,
        "reason": packet.schema_error,
        "role": packet.role,
        "stream": packet.stream,
        "packet_type": packet.packet_type,
        "trigger_id": packet.trigger_id,
        "received": received,
        "is_retraction": packet.is_retraction,
        "event_time": packet.event_utc,
        "ra_deg": packet.ra_deg,
        "dec_deg": packet.dec_deg,
        "error_deg": packet.error_deg,
    }


def row_of(packet: Packet, received: datetime) -> Alert:
    """Make the row of a packet, as an object that is in no store."""
    return Alert(**columns_of(packet, received))
