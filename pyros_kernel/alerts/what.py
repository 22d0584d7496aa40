"""What the Params, the citations and the name of a packet tell, wherever its sender writes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pyros_kernel.alerts.streams import Kind, Stream
from pyros_kernel.alerts.tree import Element, child

_MAX_INSTRUMENT = 64
_LATER = re.compile(r"Update|Updated|Refined|Offline|Fin_|Final|Gnd_|XRT_Pos|UVOT_Pos|mxt-|SUBSEQUENT", re.IGNORECASE)
_YES = frozenset({"true", "1", "yes"})
# INTEGRAL, Fermi, AMON, SNEWS: each says it with a Param besides the role.
_TESTS = ("Test", "InternalTest", "Test_Notice", "Test_Submission")


def read_params(root: Element) -> dict[str, str]:
    """Give every Param by name, those of groups also as ``Group/Name``."""
    what = child(root, "What")
    found: dict[str, str] = {}
    if what is None:
        return found
    for param in what.iter("{*}Param"):
        name, value = param.get("name"), param.get("value")
        if not name or value is None:
            continue
        group = param.getparent().get("name")
        if group:
            found.setdefault(f"{group}/{name}", value.strip())
        found.setdefault(name, value.strip())
    return found


def is_retraction(kind: Kind, params: Mapping[str, str], cites: Collection[str], ivorn: str) -> bool:
    """Look in each of the places where senders tell it."""
    return (
        kind is Kind.RETRACTION
        or "retraction" in cites
        or params.get("AlertType", "").lower() == "retraction"
        or any(params.get(name, "").lower() in _YES for name in ("Retraction", "RetractFlag"))
        or "retraction" in ivorn.partition("#")[2].lower()
    )


def says_test(params: Mapping[str, str]) -> bool:
    """Tell whether a Param says that nothing happened."""
    return any(params.get(name, "").lower() in _YES for name in _TESTS)


def is_update(packet_type: str, params: Mapping[str, str], cites: Collection[str]) -> bool:
    """Tell whether it says more of an event that was announced before."""
    return (
        bool(_LATER.search(packet_type))
        or params.get("AlertType", "").lower() == "update"
        or any(cite in {"followup", "supersedes"} for cite in cites)
    )


def instrument_of(stream: Stream, packet_type: str, params: Mapping[str, str]) -> str:
    """Take it from what the sender says, or from the table of streams."""
    if said := params.get("Instrument") or params.get("Instruments"):
        return said[:_MAX_INSTRUMENT]
    return next((name for start, name in stream.instruments.items() if packet_type.startswith(start)), "")


def trigger_of(stream: Stream, params: Mapping[str, str]) -> str:
    """Give the stream's own name of the event; empty if it gave none."""
    return next((params[name] for name in stream.trigger_params if params.get(name)), "")


def type_from(ivorn: str) -> str:
    """Guess the type of a packet that is not in the table from its IVORN."""
    address, _, local = ivorn.removeprefix("ivo://").partition("#")
    authority, _, path = address.partition("/")
    if authority != "nasa.gsfc.gcn":
        return path.strip("_-/") or authority
    words = re.match(r"[A-Za-z][A-Za-z_-]*", local)
    return words[0].strip("_-") if words else "event"


def whole(text: str | None) -> int | None:
    """Read a packet's number."""
    # A number longer than this is no packet type, and int() takes quadratic time for it.
    return int(text) if text is not None and re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None
