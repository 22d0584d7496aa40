"""Ask the observatory for observations: rows of a request list become requests in the store, or are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.constraints import CONSTRAINTS
from pyros_kernel.scheduling.nights import last_night
from pyros_kernel.scheduling.requests import Refused
from pyros_kernel.scheduling.rows import blocks_of_row, ephemeris_in, given_in, json_object, number, whole
from pyros_kernel.scheduling.sequences import Overheads
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.store import (
    Album,
    Channel,
    Filter,
    Plan,
    Request,
    RequestStatus,
    ScientificProgramme,
    Sequence,
    SequenceStatus,
    User,
)
from pyros_kernel.store.request import OBSERVE

_NOT_HERE = {
    "duration_s": "give exposure_s and exposures",
    "overhead_s": "the devices' settings say what readout and acquisition take",
    "value": "the running night weighs by priority and the programme's grade",
    "grade": "it is the programme's",
}
_OF_THE_NIGHT = ("user", "channel", "recipe", "parameters")
_LONG_AGO_S = 1e11  # an open end of a window


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a list: the sequences that were made, and the rows that were refused."""

    sequences: tuple[int, ...]
    refused: tuple[Refused, ...]


def ask_rows(
    session: Session,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    sky: Sky,
    now_unix_s: float,
    why_not: Callable[[Sequence], str] = lambda _sequence: "",
) -> Submitted:
    """Make requests of rows; one that is not understood is refused, and the others are taken.

    Rows of one ``group`` are one request, of all or nothing; each other row is a request of its own.  A series
    (``repeats``) and parts (``longest_part_s``) are several sequences of one request.

    :param why_not: says what rooms above know to be wrong with a sequence's recipe; empty if nothing is
    """
    asking = _Asking(session, sky, datetime.fromtimestamp(now_unix_s, UTC), why_not)
    refused: list[Refused] = []
    for line, row in rows:
        try:
            asking.take(row, line)
        except (TypeError, ValueError) as error:
            refused.append(Refused(line, str(error)))
    session.flush()
    return Submitted(tuple(s.id for s in asking.made), tuple(refused))


class _Asking:
    """The rows taken so far."""

    def __init__(self, session: Session, sky: Sky, now: datetime, why_not: Callable[[Sequence], str]) -> None:
        self._session, self._sky, self._now, self._why_not = session, sky, now, why_not
        self._overheads = Overheads.from_devices(session)
        self._filters = set(session.scalars(select(Filter.name)))
        self._groups: dict[str, Request] = {}
        self._last: dict[str, Sequence] = {}  # of what each row made, by its id
        self.made: list[Sequence] = []

    def take(self, row: Mapping[str, Any], line: int) -> None:
        """Make a row's sequences.

        :raises ValueError: naming the column
        """
        given = given_in(row)
        for column, instead in _NOT_HERE.items():
            if column in given:
                raise ValueError(f"{column}: {instead}")
        channel, plans = self._plans(given)
        parts = self._parts(given, channel, plans)
        lasts_s = max(self._lasts_s(channel, part) for part in parts)
        elsewhere = ("first_night", "nights", "after", "repeats", "longest_part_s", "exposure_s", *_OF_THE_NIGHT)
        plain = {k: v for k, v in given.items() if k not in elsewhere}
        (block,) = blocks_of_row(plain | {"duration_s": lasts_s}, line, self._sky)
        repeats = whole(given, "repeats") or 1
        if repeats > 1 and len(parts) > 1:
            raise ValueError("repeats: what is split can't be repeated as well: write a row for each")
        nights = whole(given, "nights")
        first = str(given["first_night"]) if "first_night" in given else None
        last_night(first, nights or 1, self._sky.name)  # refuses what is no date
        name, after = str(given.get("name", given.get("id", f"row {line}"))), self._after(given)
        first_part = [Album(channel=channel, plans=_rows_of(parts[0]))]
        asked = Sequence(target=name, ra_deg=block.ra_deg, dec_deg=block.dec_deg, albums=first_part, **_way(given))
        if why := self._why_not(asked):
            raise ValueError(why)
        request = self._request(given, name)
        count = max(repeats, len(parts))
        for k in range(count):
            sequence = self._sequence(block, given, name if count == 1 else f"{name} {k + 1}/{count}", request)
            sequence.first_night, sequence.nights = first, nights
            sequence.albums = [Album(channel=channel, plans=_rows_of(parts[k if len(parts) > 1 else 0]))]
            if after is not None and (k == 0 or repeats > 1):
                sequence.after = after
                sequence.min_gap_s = number(given, "min_gap_s", 0.0)
                sequence.max_gap_s = number(given, "max_gap_s") if "max_gap_s" in given else None
            self._session.add(sequence)
            self.made.append(sequence)
            after = sequence if repeats > 1 else after
        self._last[str(given.get("id", name))] = self.made[-1]

    def _plans(self, given: Mapping[str, Any]) -> tuple[Channel, list[tuple[str, float, int]]]:
        if "exposure_s" not in given:
            raise ValueError("exposure_s is missing: what is exposed, and how long")
        if "filter" not in given:
            raise ValueError("filter is missing")
        try:
            channel = Channel(str(given.get("channel", "VIS")).upper())
        except ValueError:
            raise ValueError(f"channel: {given['channel']!r} is neither {' nor '.join(Channel)}") from None
        filters = str(given["filter"]).split("+")
        if unknown := [f for f in filters if f not in self._filters]:
            raise ValueError(f"filter: there is no {', '.join(unknown)}; there is {', '.join(sorted(self._filters))}")
        exposure_s, count = number(given, "exposure_s"), whole(given, "exposures") or 1
        if not (isfinite(exposure_s) and exposure_s > 0):
            raise ValueError(f"exposure_s: must be a positive number of seconds, got {exposure_s:g}")
        return channel, [(f, exposure_s, count) for f in filters]

    def _parts(
        self, given: Mapping[str, Any], channel: Channel, plans: list[tuple[str, float, int]]
    ) -> list[list[tuple[str, float, int]]]:
        """Split what may be observed in parts into parts that are short enough, image by image."""
        if "longest_part_s" not in given:
            return [plans]
        longest_s = number(given, "longest_part_s")
        parts: list[list[tuple[str, float, int]]] = [[]]
        for name, exposure_s, count in plans:
            for _ in range(count):
                grown = _grown(parts[-1], name, exposure_s)
                if self._lasts_s(channel, grown) <= longest_s:
                    parts[-1] = grown
                    continue
                alone = [(name, exposure_s, 1)]
                if self._lasts_s(channel, alone) > longest_s:
                    raise ValueError(f"longest_part_s: one image takes {self._lasts_s(channel, alone):.0f} s")
                parts.append(alone)
        return parts

    def _lasts_s(self, channel: Channel, plans: list[tuple[str, float, int]]) -> float:
        o = self._overheads
        images = sum(count * (exposure_s + o.readout_s[channel]) for _, exposure_s, count in plans)
        return images + (len(plans) - 1) * o.transition.filter_change_s + o.acquisition_s

    def _after(self, given: Mapping[str, Any]) -> Sequence | None:
        if "after" not in given:
            return None
        name = str(given["after"])
        if name in self._last:
            return self._last[name]
        found = self._session.get(Sequence, int(name)) if name.isdecimal() else None
        found = found or self._session.scalar(
            select(Sequence).where(Sequence.name == name).order_by(Sequence.id.desc())
        )
        if found is None:
            raise ValueError(f"after: there is no {name} that it could follow")
        return found

    def _request(self, given: Mapping[str, Any], name: str) -> Request:
        programme = _named(self._session, ScientificProgramme, "name", given, "programme")
        group = str(given["group"]) if "group" in given else None
        if group is not None and group in self._groups:
            if self._groups[group].programme is not programme:
                raise ValueError(f"group: {group} is of another programme")
            return self._groups[group]
        user = programme.investigator
        if "user" in given or user is None:
            user = _named(self._session, User, "username", {"user": "pyros", **given}, "user")
        request = Request(
            name=(group or name)[:128],
            status=RequestStatus.SUBMITTED,
            all_or_nothing=group is not None,
            created=self._now,
            user=user,
            programme=programme,
        )
        self._session.add(request)
        if group is not None:
            self._groups[group] = request
        return request

    @staticmethod
    def _sequence(block: Block, given: Mapping[str, Any], name: str, request: Request) -> Sequence:
        constraints = {k: v for k, v in given.items() if k in CONSTRAINTS}
        if block.max_moon_illumination is not None:
            constraints["max_moon_illumination"] = block.max_moon_illumination
        first, last = (None, None) if block.window is None else (_moment(t) for t in block.window)
        return Sequence(
            name=name[:128],
            target=str(given.get("name", name))[:128],
            status=SequenceStatus.OBSERVABLE,
            ra_deg=block.ra_deg,
            dec_deg=block.dec_deg,
            priority_offset=block.priority - request.programme.priority if "priority" in given else 0.0,
            mandatory=block.mandatory,
            window_start=first,
            window_end=last,
            min_altitude_deg=block.min_altitude_deg,
            max_sun_altitude_deg=block.max_sun_altitude_deg,
            min_moon_separation_deg=block.min_moon_separation_deg,
            preferred=None if block.preferred_unix_s is None else _moment(block.preferred_unix_s),
            constraints=constraints or None,
            ephemeris=ephemeris_in(given),
            request=request,
            **_way(given),
        )


def _way(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give recipe and parameters."""
    return {"recipe": str(given.get("recipe", OBSERVE)), "parameters": json_object(given, "parameters") or {}}


def _rows_of(plans: list[tuple[str, float, int]]) -> list[Plan]:
    return [Plan(filter=f, exposure_time_s=s, number_of_images=n) for f, s, n in plans]


def _grown(part: list[tuple[str, float, int]], name: str, exposure_s: float) -> list[tuple[str, float, int]]:
    """Give a part with one more image."""
    if part and part[-1][0] == name:
        return [*part[:-1], (name, exposure_s, part[-1][2] + 1)]
    return [*part, (name, exposure_s, 1)]


def _named(session: Session, model: Any, column: str, given: Mapping[str, Any], what: str) -> Any:
    if what not in given:
        raise ValueError(f"{what} is missing")
    names = getattr(model, column)
    found = session.scalar(select(model).where(names == str(given[what])))
    if found is None:
        raise ValueError(f"{what}: there is no {given[what]}; there is {', '.join(session.scalars(select(names)))}")
    return found


def _moment(unix_s: float) -> datetime | None:
    return None if abs(unix_s) > _LONG_AGO_S else datetime.fromtimestamp(unix_s, UTC)
