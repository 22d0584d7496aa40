"""Alerts: packets from other observatories, stored before they are acknowledged, and turned into requests."""

from pyros_kernel.alerts.archive import Archived, NoArchive, read_archive
from pyros_kernel.alerts.explanation import Explanation, explain, strategy_table
from pyros_kernel.alerts.framing import Deframer, FramingError, frame
from pyros_kernel.alerts.inbox import AlertInbox
from pyros_kernel.alerts.packet import Citation, Packet, parse
from pyros_kernel.alerts.quick_store import quick
from pyros_kernel.alerts.reaction import Foreseen, Reaction, foresee, react
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.received import Arrival, NotStored, Received
from pyros_kernel.alerts.replay import AlertReplay
from pyros_kernel.alerts.request import UnusableStrategy, make_request
from pyros_kernel.alerts.sendvo import NotDelivered, send
from pyros_kernel.alerts.strategy import Decision, decide, gate
from pyros_kernel.alerts.stream_table import STREAMS, stream_of
from pyros_kernel.alerts.streams import Kind, PacketType, Stream
from pyros_kernel.alerts.transport import DEFAULT_PORT, CannotListen, VtpReceiver
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.alerts.tree import NotVoevent
from pyros_kernel.alerts.warm_up import warm_up

__all__ = [
    "DEFAULT_PORT",
    "STREAMS",
    "AlertInbox",
    "AlertReplay",
    "Answer",
    "Archived",
    "Arrival",
    "CannotListen",
    "Citation",
    "Decision",
    "Deframer",
    "Explanation",
    "Foreseen",
    "FramingError",
    "Kind",
    "NoArchive",
    "NotDelivered",
    "NotStored",
    "NotVoevent",
    "Packet",
    "PacketType",
    "Reaction",
    "Received",
    "Stream",
    "UnusableStrategy",
    "VtpReceiver",
    "decide",
    "explain",
    "foresee",
    "frame",
    "gate",
    "make_request",
    "parse",
    "quick",
    "react",
    "read_archive",
    "read_packet",
    "send",
    "strategy_table",
    "stream_of",
    "warm_up",
]
