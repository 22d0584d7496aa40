"""What people call things: a sequence by its number or a name, a moment of the night by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from astropy.time import Time
from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.clock import utc
from pyros_kernel.scheduling import Sky
from pyros_kernel.store import Request, Sequence

_HOURS = "%H:%M%z"


class Unknown(LookupError):
    """No sequence of that name or number, or several; says which there are."""


def find_sequence(session: Session, wanted: int | str) -> int:
    """Find the one sequence that is meant.

    :param wanted: its number, its own name, or that of its request if that has no other
    :raises Unknown: if there is none, or several
    """
    found = _matching(session, wanted)
    if len(found) == 1:
        return found[0].id
    if found:
        several = ", ".join(f"{s.id} ({s.name})" for s in found[:6])
        raise Unknown(f"{wanted!r} is several sequences: give one's number, {several}")
    raise Unknown(f"there is no sequence {wanted!r}: obs.schedule.table() lists those of this night")


def moment_of(when: Time | str | float, sky: Sky) -> float:
    """Give a moment of a night in unix seconds.

    :param when: a Time, an ISO string or ``03:15`` in UTC, or unix seconds
    :raises ValueError: if it is no time
    """
    if isinstance(when, int | float):
        return float(when)
    if not isinstance(when, str):
        return float(when.utc.unix)
    try:
        clock = datetime.strptime(f"{when.strip()}+0000", _HOURS)
    except ValueError:
        return float(utc(when).unix)
    sunset = datetime.fromtimestamp(sky.night.sunset_unix_s, UTC)
    at = sunset.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0).timestamp()
    return at if at >= sunset.timestamp() else at + 86400.0


def _matching(session: Session, wanted: int | str) -> list[Sequence]:
    if isinstance(wanted, int):
        found = session.get(Sequence, wanted)
        return [] if found is None else [found]
    by_name = session.scalars(select(Sequence).where(Sequence.name == wanted)).all()
    if by_name:
        return list(by_name)
    return list(session.scalars(select(Sequence).join(Request).where(Request.name == wanted)))
