"""What is known of the alert streams, and of one that nobody has heard of before."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a packet tells."""

    TRIGGER = "trigger"  # something happened; where is not known yet
    POSITION = "position"
    PRODUCT = "product"  # data about an event that was announced before
    POINTING = "pointing"  # where a spacecraft looks: a position, but not of an event
    RETRACTION = "retraction"
    TEST = "test"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PacketType:
    """One kind of packet of a stream."""

    name: str
    kind: Kind


UNKNOWN = PacketType("", Kind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Stream:
    """One source of alerts.

    :param name: how it is called in strategies and tables
    :param addresses: beginnings of its IVORNs, after ``ivo://``
    :param trigger_params: names of the Params that hold the trigger's identity, the first found counts
    :param packets: Packet_Type → what it is
    :param notices: beginnings of its JSON notices' schemas, after ``gcn/notices/``
    :param named: what a packet is by the name in its IVORN, for streams without numbers
    :param instruments: beginnings of packets' names → what saw it, for packets that don't say; the first that fits
    :param notice_kinds: beginnings of schemas → what such notices are, where it is not seen by their words
    :param notice_types: a JSON notice's ``alert_type`` → the name that its packets have as VOEvents
    """

    name: str
    addresses: tuple[str, ...]
    trigger_params: tuple[str, ...] = ("TrigID",)
    packets: dict[int, PacketType] = field(default_factory=dict[int, PacketType])
    notices: tuple[str, ...] = ()
    named: dict[str, PacketType] = field(default_factory=dict[str, PacketType])
    instruments: dict[str, str] = field(default_factory=dict[str, str])
    notice_kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])
    notice_types: dict[str, str] = field(default_factory=dict[str, str])
