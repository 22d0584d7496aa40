"""Where a panel can be shown: in the cell, or beside the notebook."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import ipywidgets as W
from IPython.display import display

ANCHORS = ("split-right", "split-left", "split-top", "split-bottom", "tab-before", "tab-after", "right")
_MISSING = "a side bar needs the package sidecar: pip install sidecar, then reload JupyterLab; or show it inline"


def put_at(loc: str, what: Any, title: str) -> W.Widget | None:
    """Show something, and give the side bar that holds it, if one does.

    :param loc: ``inline``, ``sidecar`` or ``sidecar:ANCHOR``, see :data:`ANCHORS`
    :raises ValueError: if there is no such place
    """
    where, _, anchor = loc.partition(":")
    if loc == "inline":
        display(what)
        return None
    if where != "sidecar" or (anchor and anchor not in ANCHORS):
        raise ValueError(f"no place {loc!r}: 'inline', 'sidecar' or 'sidecar:ANCHOR' with one of {', '.join(ANCHORS)}")
    if find_spec("sidecar") is None:
        raise ValueError(_MISSING)
    side: W.Output = import_module("sidecar").Sidecar(title=title, anchor=anchor or "split-right")
    with side:
        display(what)
    return side
