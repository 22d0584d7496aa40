"""What each programme may have of a semester, and what it has had so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import astropy.units as u
import numpy as np
from astropy.table import QTable
from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.night import NoNight
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.store import Request, ScientificProgramme, Site
from pyros_kernel.store import Sequence as StoredSequence

_SAMPLE_DAYS = 15  # dark time changes so slowly that this is good to a thousandth of a semester


@dataclass(frozen=True, slots=True)
class Semester:
    """Half a year of observing: A from February to July, B from August to January, as at most observatories.

    :param first: evening of its first night; ``end`` is the evening after its last
    """

    name: str
    first: date
    end: date

    @classmethod
    def of(cls, night: str) -> Semester:
        """Give the semester of a night.

        :param night: evening date, ``2022-09-29``
        """
        day = date.fromisoformat(night)
        year = day.year if day.month > 1 else day.year - 1
        if 2 <= day.month <= 7:
            return cls(f"{year}A", date(year, 2, 1), date(year, 8, 1))
        return cls(f"{year}B", date(year, 8, 1), date(year + 1, 2, 1))


@dataclass(frozen=True, slots=True)
class Quota:
    """A programme's share of a semester's dark time, in seconds.

    :param limit_s: what it may have; None if it has no quota (0 percent in the store)
    :param used_s: what it had: from the start of each of its sequences to its end, whatever came of it
    """

    programme: str
    percent: float
    limit_s: float | None
    used_s: float

    @property
    def left_s(self) -> float | None:
        """What it may still have; None without a limit."""
        return None if self.limit_s is None else max(0.0, self.limit_s - self.used_s)


def read_quotas(session: Session, site: Site, night: str) -> tuple[Quota, ...]:
    """Tell what each programme may have of a night's semester, and had; what runs now is not counted yet."""
    semester = Semester.of(night)
    dark_s = _dark_s(site.latitude_deg, site.longitude_deg, site.elevation_m, semester)
    used = _used_s(session, semester)
    return tuple(
        Quota(
            programme.name,
            programme.quota_percent,
            programme.quota_percent / 100.0 * dark_s if programme.quota_percent > 0 else None,
            used.get(programme.name, 0.0),
        )
        for programme in session.scalars(select(ScientificProgramme).order_by(ScientificProgramme.id))
    )


def quotas_as_table(quotas: Sequence[Quota]) -> QTable:
    """Give quotas as a table; hours are nan without a limit."""
    hours = {
        "limit": [np.nan if q.limit_s is None else q.limit_s / 3600 for q in quotas],
        "used": [q.used_s / 3600 for q in quotas],
        "left": [np.nan if q.left_s is None else q.left_s / 3600 for q in quotas],
    }
    names = np.array([q.programme for q in quotas], dtype=str)
    percent = np.array([q.percent for q in quotas]) * u.percent
    return QTable({"programme": names, "quota": percent, **{k: np.array(v) * u.hour for k, v in hours.items()}})


def balance_as_table(planned_s: Mapping[str, float], dark_s: float, quotas: Sequence[Quota]) -> QTable:
    """Give each programme's time in a night beside its quota: what it has of the dark time, and may have.

    :param planned_s: seconds observed and planned in the night, by programme
    """
    names = [q.programme for q in quotas]
    time = np.array([planned_s.get(name, 0.0) for name in names])
    return QTable(
        {
            "programme": np.array(names, dtype=str),
            "time": time / 3600 * u.hour,
            "share": (100 * time / dark_s if dark_s > 0 else np.zeros(len(time))) * u.percent,
            "quota": np.array([q.percent for q in quotas]) * u.percent,
            "left": np.array([np.nan if q.left_s is None else q.left_s / 3600 for q in quotas]) * u.hour,
        }
    )


def _used_s(session: Session, semester: Semester) -> dict[str, float]:
    begin, end = (datetime(d.year, d.month, d.day, 12, tzinfo=UTC) for d in (semester.first, semester.end))
    rows = session.execute(
        select(ScientificProgramme.name, StoredSequence.started, StoredSequence.ended)
        .join(Request, StoredSequence.request_id == Request.id)
        .join(ScientificProgramme, Request.programme_id == ScientificProgramme.id)
        .where(StoredSequence.started >= begin, StoredSequence.started < end, StoredSequence.ended.is_not(None))
    )
    used: dict[str, float] = {}
    for name, started, ended in rows:
        if started is not None and ended is not None:
            used[name] = used.get(name, 0.0) + max(0.0, (ended - started).total_seconds())
    return used


@lru_cache(maxsize=8)
def _dark_s(latitude_deg: float, longitude_deg: float, elevation_m: float, semester: Semester) -> float:
    """Add up a semester's dark time, the Sun below -18 degrees, from a sample of its nights."""
    place = Site(latitude_deg=latitude_deg, longitude_deg=longitude_deg, elevation_m=elevation_m)
    days = (semester.end - semester.first).days
    sample = [min(k, days - 1) for k in range(0, days + _SAMPLE_DAYS, _SAMPLE_DAYS)]
    dark: list[float] = []
    for k in sample:
        try:
            night = Sky(place, (semester.first + timedelta(days=k)).isoformat()).night
        except NoNight:
            dark.append(0.0)
        else:
            dark.append(night.dawn_unix_s - night.dusk_unix_s)
    return float(np.interp(np.arange(days), sample, dark).sum())
