"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    :param name: what was looked at
    :param ok: whether it is as it must be; None if that can't be told
    :param what: what was found
    :param mend: the command that mends it, or empty
    """

    name: str
    ok: bool | None
    what: str
    mend: str = ""
