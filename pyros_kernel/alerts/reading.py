"""From bytes to a packet, whatever they are written in."""

from __future__ import annotations

from pyros_kernel.alerts.notice import parse_notice
from pyros_kernel.alerts.packet import Packet, parse


def read_packet(raw: bytes, *, strict: bool = False) -> Packet:
    """Read a VOEvent, or a JSON notice of GCN or LIGO/Virgo/KAGRA.

    :param strict: refuse what does not follow the schema of VOEvent 2.0, instead of keeping the error with it
    :raises NotVoevent: if it is neither; the message says what is wrong
    """
    if not strict and raw[:64].lstrip()[:1] == b"{":
        return parse_notice(raw)
    return parse(raw, strict=strict)
