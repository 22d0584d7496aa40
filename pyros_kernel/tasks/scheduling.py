"""Schedule a night: sequences from the store in, a schedule in the store out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pyros_kernel.clock import Clock
from pyros_kernel.scheduling import Plan, Search, Sky
from pyros_kernel.scheduling.situation import Situation, read_situation
from pyros_kernel.scheduling.tonight import Happened, improved, planned, repaired
from pyros_kernel.settings import Settings
from pyros_kernel.store import Night, Schedule, ScheduleStatus, Store
from pyros_kernel.tasks.recording import changes, record

logger = logging.getLogger(__name__)

_SEARCH = Search(iterations=60, gap=0.003, cpu_s=30.0)  # by steps, so that a night is planned the same on every machine
_AFTER = replace(_SEARCH, iterations=20)  # of a repaired schedule, which is rarely far from the best
STABILITY = 0.005  # a change costs whoever relied on the schedule
_TRIES = 3  # something may begin or end while it is planned


class SchedulingServices(Protocol):
    """What scheduling needs of the observatory."""

    @property
    def settings(self) -> Settings:
        """Whether it is planned by strict priority."""
        ...

    @property
    def store(self) -> Store:
        """Where the sequences are."""
        ...

    @property
    def clock(self) -> Clock:
        """What tells when the schedule was made."""
        ...

    @property
    def sky(self) -> Sky:
        """The ephemeris of the observed night."""
        ...


def _never() -> bool:
    return False


def schedule_night(
    night_id: int,
    start_unix_s: float,
    reason: str,
    *,
    services: SchedulingServices,
    stop: Callable[[], bool] = _never,
) -> int:
    """Plan a night anew from a moment to its sunrise, and make that the current schedule.

    The store is read, the plan made without holding anybody up, and written in one transaction if what it
    started from still holds: the former schedule becomes superseded, each placed sequence PLANNED, each rejected
    one OBSERVABLE with its reason.  What executes stays where it is.  An entry begins with the way to its target.

    :param reason: why it is planned anew: kept with the schedule
    :param stop: asked now and then whether to be content with what was found
    :return: the schedule's id
    :raises sqlalchemy.exc.NoResultFound: if there is no such night
    """
    search = None if services.settings.strict_priority else replace(_SEARCH, stop=stop)
    return _schedule(night_id, start_unix_s, reason, lambda s: planned(s, search), None, services)


def reschedule_night(
    night_id: int,
    start_unix_s: float,
    reason: str,
    *,
    services: SchedulingServices,
    happened: Happened | None = None,
    taken_id: int | None = None,
) -> int:
    """Repair the current schedule after something happened; plan anew if there is none, or by strict priority.

    What runs is kept, and what is planned stays where it can; what comes free is filled.

    :param happened: an alert, or a pin; nothing if time came free or something else is asked for
    :param taken_id: a sequence that begins just now, though the store does not say so yet
    :return: the schedule's id
    """
    strict = services.settings.strict_priority

    def make(situation: Situation) -> Plan:
        if situation.standing is None or strict:
            return planned(situation, None if strict else _SEARCH)
        return repaired(situation, happened or Happened())

    return _schedule(night_id, start_unix_s, reason, make, taken_id, services)


def improve_schedule(
    schedule_id: int,
    start_unix_s: float,
    *,
    services: SchedulingServices,
    stability: float = STABILITY,
    stop: Callable[[], bool] = _never,
) -> int:
    """Search for something better than a repaired schedule, and keep with it how far it may be from the best.

    :param stability: it changes only if it is worth more by this share
    :return: the id of the better schedule that is now current, or the same where it was not worth a change
    """
    with services.store.session(read_only=True) as session:
        schedule = session.get_one(Schedule, schedule_id)
        if schedule.status is not ScheduleStatus.CURRENT or services.settings.strict_priority:
            return schedule_id
        night_id = schedule.night_id
        situation = read_situation(session, night_id, start_unix_s, services.sky)
    if situation.over or situation.standing is None:
        return schedule_id
    made = improved(situation, replace(_AFTER, stop=stop), stability)
    moved = changes(situation, made)
    with services.store.session() as session:
        night = session.get_one(Night, night_id, with_for_update={"of": Night})
        schedule = session.get_one(Schedule, schedule_id)
        if not situation.holds(session):
            return schedule_id  # overtaken: whatever happened is being seen to
        if not moved:
            schedule.value, schedule.bound = made.value, made.bound
            return schedule_id
        better = record(session, night, situation, made, services.clock.unix_s(), f"better, {schedule.reason}")
        session.flush()
        better_id = better.id
    logger.info("a better schedule was found: %s", moved)
    return better_id


def _schedule(
    night_id: int,
    start_unix_s: float,
    reason: str,
    make: Callable[[Situation], Plan],
    taken_id: int | None,
    services: SchedulingServices,
) -> int:
    for attempt in range(1, _TRIES + 1):
        with services.store.session(read_only=True) as session:
            situation = read_situation(session, night_id, start_unix_s, services.sky, taken_id)
        made = make(situation)
        with services.store.session() as session:
            # One scheduler at a time gets past here: the next one sees what this one placed.
            night = session.get_one(Night, night_id, with_for_update={"of": Night})
            if attempt == _TRIES or situation.holds(session):
                schedule = record(session, night, situation, made, services.clock.unix_s(), reason)
                session.flush()
                _tell(night.name, reason, made, schedule.changes)
                return schedule.id
    raise AssertionError("the last attempt is always written")


def _tell(name: str, reason: str, made: Plan, moved: str | None) -> None:
    logger.info(
        "night %s scheduled (%s): %d sequences placed, %d rejected%s%s",
        name,
        reason,
        len(made.placed),
        len(made.rejected),
        "" if made.gap is None else f", at most {100 * made.gap:.1f} % from the best",
        f": {moved}" if moved else "",
    )
