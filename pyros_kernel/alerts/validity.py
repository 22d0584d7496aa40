"""Whether a packet follows the schema of VOEvent 2.0, and where it does not."""

from __future__ import annotations

import threading
from pathlib import Path

from lxml import etree

from pyros_kernel.alerts.tree import Element

_SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schema" / "VOEvent-v2.0.xsd"))
_guard = threading.Lock()  # a schema keeps its errors in itself
_LONGEST = 300


def schema_error(root: Element) -> str:
    """Say how a VOEvent breaks the schema; empty if it does not, or if it is of another version.

    :param root: root element of a packet whose envelope was checked
    """
    if root.get("version") != "2.0":
        return ""
    with _guard:
        if _SCHEMA.validate(root):
            return ""
        first = _SCHEMA.error_log[0]
        return f"line {first.line}: {first.message}"[:_LONGEST]
