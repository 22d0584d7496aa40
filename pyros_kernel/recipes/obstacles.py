"""What would keep a recipe from beginning here at this moment."""

from __future__ import annotations

from sqlalchemy import select

from pyros_kernel.recipes.host import Host
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.services import Services
from pyros_kernel.store import Night, NightStatus, RecipeRecord, RecipeStatus

_ACTIVE = (RecipeStatus.RUNNING, RecipeStatus.PAUSED)
_LOOKS = (NightStatus.OPENING, NightStatus.OBSERVING, NightStatus.PAUSED)


def obstacles(host: Host | Services | None, services: Services, needs: Needs) -> list[str]:
    """Say, a sentence each, what would keep a recipe from beginning now; empty if nothing would.

    :param host: the observatory; bare services know no lease
    """
    found: list[str] = []
    if host is not None and not isinstance(host, Services) and (other := host.commanded_by()):
        found.append(f"lease: {other}")
    for name, member in services.devices.members.items():
        if not member.usable:
            found.append(f"missing device: {name}" + (f", {member.error}" if member.error else ""))
    if needs is Needs.NOTHING:
        return found
    with services.store.session(read_only=True) as session:
        night = session.get_one(Night, services.night_id)
        status, reason = night.status, night.reason
        busy = session.scalars(
            select(RecipeRecord).where(RecipeRecord.status.in_(_ACTIVE), ~RecipeRecord.of_night)
        ).all()
    found += [f"recipe {run.name} (run {run.id}) has the telescope" for run in busy]
    if needs is Needs.SKY:
        verdict = services.safety.verdict()
        if not verdict.safe:
            found.append(f"weather: {verdict}")
        found += [f"weather: {pausing.text}" for pausing in verdict.pausing]
        if status not in _LOOKS:
            found.append(f"the night is {status}" + (f": {reason}" if reason else ", and the dome is not opened"))
    elif status not in (NightStatus.WAITING, NightStatus.CLOSED, NightStatus.DONE):
        found.append(f"the night is {status}: the dome has to be closed")
    return found
