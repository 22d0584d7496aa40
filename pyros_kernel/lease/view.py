"""What the lease's row says: who commands, since when, and whether that still holds."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from pyros_kernel.store import Lease


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who commands.

    :param holder: empty if nobody
    :param asked_by: who would like to have it
    """

    holder: str
    since: datetime | None
    expires: datetime | None
    asked_by: str
    asked_for: str

    @classmethod
    def of(cls, row: Lease | None) -> LeaseView:
        """Read a row; nobody commands where there is none, or its holder is gone."""
        if row is None or lapsed(row):
            return cls("", None, None, "", "")
        return cls(row.holder, row.since, row.expires, row.asked_by, row.asked_for)

    def __str__(self) -> str:
        if not self.holder or self.since is None:
            return "nobody commands"
        asked = f"; {self.asked_by} asks for it: {self.asked_for}" if self.asked_by else ""
        return f"{self.holder} commands since {self.since:%Y-%m-%d %H:%M:%S} UTC{asked}"


def lapsed(row: Lease) -> str:
    """Say why a lease is not in force any more, or nothing."""
    if row.expires is None or row.expires < datetime.now(UTC):
        return "it was not renewed in time"
    if row.pid and row.host == socket.gethostname() and not psutil.pid_exists(row.pid):
        return f"process {row.pid} is gone"
    return ""
