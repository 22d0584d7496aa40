"""The cell of a notebook that runs now: what it causes is linked to it."""

from __future__ import annotations

import builtins
import threading
import uuid
from dataclasses import dataclass
from typing import Any

KERNEL = uuid.uuid4().hex
"""This process, among all that ever ran: another kernel's cells have the same numbers."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell under way.

    :param number: as the notebook shows it, ``[7]``
    :param id: which JupyterLab gives it, for as long as the notebook lives; empty where the front end says none
    """

    number: int
    id: str
    source: str


def current_cell() -> Cell | None:
    """Give the cell that runs in this thread; None in threads of our own, in callbacks, and outside of notebooks."""
    get_shell = vars(builtins).get("get_ipython")  # IPython sets this name wherever it runs
    if get_shell is None or threading.current_thread() is not threading.main_thread():
        return None
    shell = get_shell()
    asked: dict[str, Any] = getattr(shell, "parent_header", None) or {}
    if asked.get("header", {}).get("msg_type") != "execute_request":
        return None
    content = asked["content"]
    if content.get("silent") or not content.get("store_history", True):
        return None  # no reader of the notebook sees it
    # What the shell calls its execution count is this cell's before IPython 9, and the next one's since.
    number = len(shell.history_manager.input_hist_raw) - 1
    return Cell(number, str(asked.get("metadata", {}).get("cellId") or ""), str(content["code"]))
