"""The night's schedule in hand: look at it, ask it why, change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable
from astropy.time import Time

from pyros_kernel.agents import Agent, AgentConfig, Sender
from pyros_kernel.agents.scheduler import Scheduler
from pyros_kernel.desks.changes import Change, read_changes
from pyros_kernel.desks.named import Unknown, find_sequence, moment_of
from pyros_kernel.recipes import why_unusable
from pyros_kernel.scheduling import Explanation, NightUse, Search
from pyros_kernel.scheduling.coming import coming_nights, nights_as_table
from pyros_kernel.scheduling.forecast import Expected, keep_forecast, read_forecast
from pyros_kernel.scheduling.quotas import balance_as_table, quotas_as_table, read_quotas
from pyros_kernel.scheduling.request_files import BadRequests, rows_of
from pyros_kernel.scheduling.several import focus_rows, focus_runs
from pyros_kernel.scheduling.situation import read_situation
from pyros_kernel.scheduling.whole_night import WholeNight, read_whole_night
from pyros_kernel.scheduling.words import utc
from pyros_kernel.services import Services
from pyros_kernel.store import Sequence
from pyros_kernel.tasks import intervening
from pyros_kernel.tasks.asking import Submitted, ask_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
Moment = tuple[Time | str | float, float, float]  # when, seeing (arcsec), transparency
_AHEAD = Search(iterations=6)  # nights that may never come like that


__all__ = ["Change", "ScheduleDesk", "Unknown"]


class ScheduleDesk:
    """The schedule of the observed night; what is asked of it is noted in the store and planned at once.

    A sequence is named by its number, its own name, or that of its request if that has no other.

    :param allowed: raises if this kernel may not command
    """

    def __init__(self, services: Services, config: AgentConfig | None, allowed: Callable[[str], object]) -> None:
        self._services, self._config, self._allowed = services, config, allowed

    # ------------------------------------------------------------------ look at it

    def plot(self) -> Figure:
        """Draw altitude against time, with the observed and planned part of each target bold, and a timeline."""
        return self._whole().planned.plot()

    def table(self) -> QTable:
        """Give every sequence of the night: what was observed and is planned in order of time, then the rest.

        Columns: id, name, programme, placed, start and end (Time, UTC, masked where not placed), duration (s),
        reason.
        """
        planned = self._whole().planned
        table = planned.table()
        by_id = {str(b.id): b for b in planned.blocks}
        names = [by_id[i].label if i in by_id else self._name(int(i)) for i in table["id"]]
        table.add_column(np.array(names, dtype=str), name="name", index=1)
        programmes = [by_id[i].programme if i in by_id else "" for i in table["id"]]
        table.add_column(np.array(programmes, dtype=str), name="programme", index=2)
        return table

    def explain(self, sequence: int | str) -> Explanation:
        """Tell why a sequence is where it is, or has no place: constraint, rivals, the smallest change that helps.

        :raises Unknown: if it is not known
        """
        key = self._find(sequence)
        whole = self._whole()
        if key not in {b.id for b in whole.planned.blocks}:
            reasons = {r.id: r.reason for r in whole.planned.plan.rejected}
            return Explanation(key, False, reasons.get(key, "it was not asked for in this night"))
        found = whole.planned.explain(key)
        names = {b.id: b.label for b in whole.planned.blocks}
        return replace(found, rivals=tuple(names.get(i, str(i)) for i in found.rivals))

    @property
    def night(self) -> NightUse:
        """How the dark time is used: observing, ways, idle stretches with their reason, and each programme's part."""
        return self._whole().use()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The schedules made so far in this night: why each was made, and what it changed."""
        with self._services.store.session(read_only=True) as session:
            return read_changes(session, self._services.night_id)

    def quotas(self) -> QTable:
        """Give each programme's share of the semester: percent, limit, used and left (hours; nan without a limit)."""
        with self._services.store.session(read_only=True) as session:
            return quotas_as_table(read_quotas(session, self._services.site, self._services.night_name))

    def programmes(self) -> QTable:
        """Give each programme's balance: its time in this night and share of the dark time, its quota and what is left.

        Columns: programme, time (h), share and quota (percent), left (h; nan without a limit).
        """
        use = self.night
        with self._services.store.session(read_only=True) as session:
            quotas = read_quotas(session, self._services.site, self._services.night_name)
        return balance_as_table(use.by_programme, use.dark_s, quotas)

    # ------------------------------------------------------------------ change it

    def pin(self, sequence: int | str, when: Time | str | float) -> None:
        """Let a sequence be observed from a moment of this night, and at no other time; kept over a restart.

        :param when: a Time, an ISO string or ``03:15`` in UTC, or unix seconds
        :raises NotPossible: if it can't be observed then, saying when it can
        """
        self._allowed("pin")
        key = self._find(sequence)
        said = intervening.pin(self._services.night_id, key, self._moment(when), self._services)
        self._plan(f"by hand: {said}", pinned=key)

    def drop(self, sequence: int | str, reason: str = "") -> None:
        """Let a sequence not be observed in this night; kept over a restart.

        :raises NotPossible: if it runs, or has been observed
        """
        self._allowed("drop")
        said = intervening.drop(self._services.night_id, self._find(sequence), reason, self._services)
        self._plan(f"by hand: {said}" + (f", {reason}" if reason else ""))

    def release(self, sequence: int | str) -> None:
        """Take back a pin or a drop.

        :raises NotPossible: if there is none
        """
        self._allowed("release")
        said = intervening.release(self._services.night_id, self._find(sequence), self._services)
        self._plan(f"by hand: {said}", eager=True)

    def reprioritise(self, sequence: int | str, priority: float) -> None:
        """Give a sequence another priority, whatever its programme's; for good, not only tonight.

        :raises NotPossible: for a priority that is none
        """
        self._allowed("reprioritise")
        said = intervening.reprioritise(self._find(sequence), float(priority), self._services)
        self._plan(f"by hand: {said}", eager=True)

    def block(self, start: Time | str | float, end: Time | str | float, reason: str = "") -> int:
        """Plan nothing between two times: a forecast of clouds, work in the dome; what runs then is not stopped.

        :return: its number, by which :meth:`unblock` takes it back
        :raises NotPossible: for times that are not of this night
        """
        self._allowed("block")
        first, last = self._moment(start), self._moment(end)
        made = intervening.block(self._services.night_id, first, last, reason, self._services)
        self._plan(f"{reason or 'blocked by hand'}: nothing from {utc(first)} to {utc(last)} UTC")
        return made

    def unblock(self, number: int) -> None:
        """Take back a blocked time.

        :raises NotPossible: if there is none of that number
        """
        self._allowed("unblock")
        intervening.unblock(number, self._services)
        self._plan("a blocked time was taken back", eager=True)

    # ------------------------------------------------------------------ ask for more

    def ask(self, **row: object) -> tuple[int, ...]:
        """Ask for an observation, in the words of a request list: ``ask(name="M 31", ra=10.68, dec=41.27, …)``.

        ``programme``, ``filter`` and ``exposure_s`` must be given; see ``docs/how-to/scheduling.md`` for the others.

        :return: the numbers of the sequences that were made: several for a series (``repeats``) or parts
        :raises BadRequests: if it is not understood, naming the word
        """
        asked = self._ask([(1, row)])
        if asked.refused:
            raise BadRequests(asked.refused[0].reason)
        return asked.sequences

    def ask_list(self, path: Path | str) -> Submitted:
        """Ask for everything in a request list (CSV, ECSV, JSON).

        :return: the sequences that were made, and the rows that were refused: line and reason
        :raises BadRequests: if nothing in the file can be read
        """
        try:
            rows = list(rows_of(Path(path)))
        except (OSError, ValueError, KeyError) as error:
            raise BadRequests(f"{path}: {error}") from error
        return self._ask(rows)

    def ask_focus(
        self, every_hours: float = 2.0, *, points: int = 7, exposure_s: float = 5.0, **row: object
    ) -> Submitted:
        """Ask for the focus to be found again and again for the rest of the dark night, near the zenith each time.

        :param points: positions of a scan, ``exposure_s`` the frame at each
        :param row: ``programme`` and ``filter``, and what else a row of a list has
        :return: as :meth:`ask_list`
        """
        services, lasts_s = self._services, points * (exposure_s + 10.0) + 120.0
        start = max(services.clock.unix_s(), services.sky.night.dusk_unix_s)
        end = services.sky.night.dawn_unix_s
        if start + lasts_s >= end:
            raise BadRequests("nothing is left of the dark night")
        runs = focus_runs(services.sky, start, end, 3600.0 * every_hours, lasts_s)
        return self._ask(focus_rows(runs, recipe="autofocus", exposures=points, exposure_s=exposure_s, **row))

    def forecast(self, expected: Path | str | Iterable[Moment], source: str = "") -> None:
        """Let the night be planned for a sky as it is expected to be: what asks for seeing or transparency moves.

        :param expected: a CSV file with the columns time (UTC), seeing_arcsec (FWHM at the zenith) and transparency
            (0 to 1), or rows of these three; it takes the place of the night's former forecast, an empty one too
        :param source: who says so
        :raises BadForecast: naming the line
        """
        self._allowed("forecast")
        if isinstance(expected, Path | str):
            source, rows = source or Path(expected).name, read_forecast(Path(expected))
        else:
            rows = tuple(Expected(self._moment(when), seeing, clear) for when, seeing, clear in expected)
        with self._services.store.session() as session:
            count = keep_forecast(session, self._services.night_id, rows, source)
        self._plan(f"forecast of {count} moments" + (f" from {source}" if source else ""), eager=True)

    def ahead(self, nights: int = 3) -> QTable:
        """Tell what the nights to come would be if they were clear, with tonight's schedule done.

        Columns: night, id, name, programme, placed, start and end (Time, UTC, masked where not placed), reason; what
        has no place in any of them stands last, with the reason of the last night.
        """
        services = self._services
        with services.store.session(read_only=True) as session:
            situation = read_situation(session, services.night_id, services.clock.unix_s(), services.sky)
            return nights_as_table(coming_nights(session, situation, nights, _AHEAD), situation.names)

    def __repr__(self) -> str:
        made = self.changes
        if not made:
            return f"<Schedule of {self._services.night_name}: none yet>"
        last = made[-1]
        gap = "" if last.gap is None else f", at most {100 * last.gap:.1f} % from the best"
        return f"<Schedule of {self._services.night_name}: {last.placed} placed{gap}; {last.reason}>"

    # ------------------------------------------------------------------

    def _plan(self, reason: str, **about: object) -> None:
        payload = {"reason": reason, "night_id": self._services.night_id, **about}
        Sender.send_to(Agent.SCHEDULER, Scheduler.MSG_SCHEDULE, payload, config=self._config)

    def _ask(self, rows: Iterable[tuple[int, Mapping[str, object]]]) -> Submitted:
        self._allowed("ask")
        services = self._services
        with services.store.session() as session:
            asked = ask_rows(session, rows, services.sky, services.clock.unix_s(), why_unusable)
        if asked.sequences:
            self._plan(f"{len(asked.sequences)} sequences asked for", eager=True)
        return asked

    def _whole(self) -> WholeNight:
        services = self._services
        with services.store.session(read_only=True) as session:
            return read_whole_night(session, services.night_id, services.clock.unix_s(), services.sky)

    def _name(self, key: int) -> str:
        with self._services.store.session(read_only=True) as session:
            return session.get_one(Sequence, key).name

    def _find(self, wanted: int | str) -> int:
        with self._services.store.session(read_only=True) as session:
            return find_sequence(session, wanted)

    def _moment(self, when: Time | str | float) -> float:
        return moment_of(when, self._services.sky)
