"""The agents as they are seen: one line each, from what each says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyros_kernel.snapshot import AgentView

_HEADS = ("agent", "state", "uptime", "last message", "queue", "errors", "restarts")


def view_of(status: Mapping[str, Any], state: str | None = None) -> AgentView:
    """Put an agent's status, as of ``Sender.ask``, into a view; one that said nothing has no counts.

    :param state: what it is, if that is known better than by itself
    """
    return AgentView(
        name=str(status["name"]),
        state=state or str(status["state"]),
        last_message=str(status.get("last_message") or ""),
        last_message_s=status.get("last_message_s"),
        queue_depth=int(status.get("queue_depth") or 0),
        errors=int(status.get("errors") or 0),
        restarts=int(status.get("restarts") or 0),
        uptime_s=status.get("uptime_s"),
        last_error=str(status.get("last_error") or ""),
    )


def roll(views: Sequence[AgentView]) -> str:
    """Write agents as a table, with the last error of each that had one."""
    rows: list[tuple[str, ...]] = [_HEADS]
    for a in views:
        counts = str(a.queue_depth), str(a.errors), str(a.restarts)
        rows.append((a.name, a.state, _uptime(a.uptime_s), a.last_message or "-", *counts))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"{a.name}: {a.last_error}" for a in views if a.last_error)])


def _uptime(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"
