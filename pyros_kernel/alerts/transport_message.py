"""The small messages of the VOEvent Transport Protocol: ack and nak.

Source: IVOA Note "VOEvent Transport Protocol" 1.1 and its schema ``Transport-v1.1.xsd``.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

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
    clean = "".join(c if c.isprintable() else " " for c in text)
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
