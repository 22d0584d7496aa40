"""What shows things of the kernel and lies above it: found by name, so that imports go on pointing down only."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any


def handle(name: str) -> Any:
    """Find what shows a thing: ``page`` an observatory, ``recipe`` a run, ``recipe_form`` a recipe
    to fill in.

    :raises LookupError: if no installed package brings it
    """
    for entry in entry_points(group="pyros.handles", name=name):
        return entry.load()
    raise LookupError(f"no installed package brings the {name}'s display: install PyROS whole")
