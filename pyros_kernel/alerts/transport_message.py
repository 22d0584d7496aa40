"""The small messages of the VOEvent Transport Protocol: ack, nak, iamalive and authenticate.

Source: IVOA Note "VOEvent Transport Protocol" 1.1 and its schema ``Transport-v1.1.xsd``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr  # nosec B406

from pyros_kernel.alerts.tree import NotVoevent, child_text, read_tree

_MESSAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<trn:Transport xmlns:trn="http://www.telescope-networks.org/xml/Transport/v1.1"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.0" role="{role}"'
    ' xsi:schemaLocation="http://www.telescope-networks.org/xml/Transport/v1.1'
    ' http://www.telescope-networks.org/xml/Transport-v1.1.xsd">'
    "<Origin>{origin}</Origin><Response>{response}</Response><TimeStamp>{time}</TimeStamp>"
    "<Meta><Result>{result}</Result></Meta></trn:Transport>"
)


_GREETING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<trn:Transport xmlns:trn="http://www.telescope-networks.org/xml/Transport/v1.1"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.0" role="{role}"'
    ' xsi:schemaLocation="http://www.telescope-networks.org/xml/Transport/v1.1'
    ' http://www.telescope-networks.org/xml/Transport-v1.1.xsd">'
    "<Origin>{origin}</Origin>{response}<TimeStamp>{time}</TimeStamp>{meta}</trn:Transport>"
)


def greeting(role: str, origin: str, response: str = "", filters: Iterable[str] = ()) -> bytes:
    """Write an iamalive or an authenticate, or the answer to one.

    :param origin: IVORN of who said it first
    :param response: IVORN of who answers; empty in what is said first
    :param filters: XPath expressions a subscriber asks for
    """
    params = "".join(f'<Param name="xpath-filter" value={quoteattr(text)}/>' for text in filters)
    return _GREETING.format(
        role=role,
        origin=escape(origin),
        response=f"<Response>{escape(response)}</Response>" if response else "",
        # A protocol's time stamp, not an observing matter: the system's time.
        time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        meta=f"<Meta>{params}</Meta>" if params else "",
    ).encode()


# The start of an acknowledgement as all senders known write it: fifty subscribers send fifty of them per packet, and
# XML's full grammar costs ten times as much.
_ACK = re.compile(rb"\s*(?:<\?xml[^<>]*\?>\s*)?<(?:[A-Za-z]\w*:)?Transport\s(?:[^<>]{0,800}?\s)?role=[\"']ack[\"']")


def is_ack(raw: bytes) -> bool:
    """Tell whether a message is an acknowledgement, by its beginning; if not, :func:`read_greeting` decides."""
    return _ACK.match(raw) is not None


@dataclass(frozen=True, slots=True)
class Greeting:
    """A message between brokers and subscribers.

    :param role: iamalive, authenticate, ack or nak
    :param filters: XPath expressions a subscriber asks for
    """

    role: str
    origin: str
    filters: tuple[str, ...] = ()


def read_greeting(raw: bytes) -> Greeting | None:
    """Read a message of the protocol; None if it is something else, such as a VOEvent.

    :raises NotVoevent: if it is no XML
    """
    root = read_tree(raw)
    if root.tag.rpartition("}")[2] != "Transport":
        return None
    meta = root.find("{*}Meta")
    asked = (
        [] if meta is None else [e.get("value") for e in meta.findall("{*}Param") if e.get("name") == "xpath-filter"]
    )
    asked += [] if meta is None else [e.text for e in meta.findall("{*}filter") if e.get("type") == "xpath"]
    return Greeting(root.get("role", ""), child_text(root, "Origin") or "", tuple(text for text in asked if text))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered.

    :param ack: whether it took the packet
    :param text: what it said, or why it refused
    """

    ack: bool
    text: str


def answer(ack: bool, origin: str, response: str, time: str, text: str) -> bytes:
    """Write an ack or a nak.

    :param origin: IVORN of the packet that is answered
    :param response: IVORN of who answers
    :param time: ISO 8601, UTC
    :param text: the result, in words
    """
    clean = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    fields = {"origin": origin, "response": response, "time": time, "result": clean}
    escaped = {name: escape(value) for name, value in fields.items()}
    return _MESSAGE.format(role="ack" if ack else "nak", **escaped).encode()


def read_answer(raw: bytes) -> Answer:
    """Read an ack or a nak.

    :raises NotVoevent: if it is neither
    """
    root = read_tree(raw)
    role = root.get("role")
    if not root.tag.endswith("}Transport") or role not in {"ack", "nak"}:
        raise NotVoevent(f"the answer is neither ack nor nak but {root.tag} of role {role!r}")
    return Answer(role == "ack", child_text(root, "Meta", "Result") or "")
