"""Whether a document is a VOEvent at all: its root element, version, role and IVORN."""

from __future__ import annotations

import re

from pyros_kernel.alerts.tree import Element, NotVoevent

ROLES = ("observation", "prediction", "utility", "test")
VERSIONS = ("1.1", "2.0", "2.1")
MAX_IVORN = 512
_ROOT = re.compile(r"(?:\{https?://www\.ivoa\.net/xml/VOEvent/v(?:1\.1|2\.0|2\.1)\})?VOEvent")
# IVOA Identifiers 2.0, and the local part that VOEvent asks for; "." and ".." are no names in a path.
_IVORN = re.compile(r"ivo://[A-Za-z0-9][\w.~*'()+-]*(?:/(?!\.\.?(?:[/#]|$))[\w.~*'()+-]*)*#[!-;=?-~]+", re.ASCII)
# VOEvent 2.1 asks for no local part: its own example is ivo://psws.irap/VOEvent/Tao_Jupiter_2018-10-02T17_34_45::v1.0
_IVORN_2_1 = re.compile(
    r"ivo://[A-Za-z0-9][\w.~*'()+-]*(?:/(?!\.\.?(?:[/#?]|$))[\w.~*'()+:-]*)*(?:[#?][!-;=?-~]+)?", re.ASCII
)


def check(root: Element) -> str:
    """Give the IVORN of a packet that is a VOEvent by its root element.

    :raises NotVoevent: if it is none
    """
    if _ROOT.fullmatch(root.tag) is None:
        raise NotVoevent(f"the root element is {root.tag[:200]}, not a VOEvent 1.1, 2.0 or 2.1")
    ivorn = root.get("ivorn", "")
    pattern = _IVORN_2_1 if root.get("version") == "2.1" else _IVORN
    if len(ivorn) > MAX_IVORN or pattern.fullmatch(ivorn) is None:
        raise NotVoevent(f"ivorn={ivorn[:200]!r} is not an identifier such as ivo://authority/stream#event")
    if (version := root.get("version", "")) not in VERSIONS:
        raise NotVoevent(f"version={version[:200]!r} is not one of {', '.join(VERSIONS)}", ivorn)
    if (role := root.get("role", "observation")) not in ROLES:
        raise NotVoevent(f"role={role[:200]!r} is not one of {', '.join(ROLES)}", ivorn)
    return ivorn
