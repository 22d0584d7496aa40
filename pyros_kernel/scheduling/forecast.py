"""The forecast of a night's sky: from whoever has one into the store, and from there to the planner."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from astropy.time import Time
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.store import Forecast

COLUMNS = ("time", "seeing_arcsec", "transparency")


class BadForecast(ValueError):
    """A forecast that can't be used; says which row, and why."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sky is expected to be like at one moment.

    :param seeing_arcsec: FWHM at the zenith
    :param transparency: 0 … 1
    """

    unix_s: float
    seeing_arcsec: float
    transparency: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no sky can be like."""
        if not 0 < self.seeing_arcsec < 60:
            raise BadForecast(f"a seeing is more than 0 and less than 60 arcsec, got {self.seeing_arcsec}")
        if not 0 <= self.transparency <= 1:
            raise BadForecast(f"a transparency is 0 to 1, got {self.transparency}")


def read_forecast(path: Path) -> tuple[Expected, ...]:
    """Read a forecast from a CSV file with the columns ``time`` (UTC), ``seeing_arcsec`` and ``transparency`` (1).

    :raises BadForecast: naming the line
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            if unknown := set(reader.fieldnames or ()) - set(COLUMNS):
                raise BadForecast(
                    f"{path}: no such column: {', '.join(sorted(unknown))}; there is {', '.join(COLUMNS)}"
                )
            return tuple(_expected(row, f"{path}:{reader.line_num}") for row in reader)
    except OSError as error:
        raise BadForecast(f"{path}: {error}") from error


def keep_forecast(session: Session, night_id: int, expected: Iterable[Expected], source: str) -> int:
    """Let a night have this forecast in place of the one it had.

    :return: how many moments it has
    :raises BadForecast: if two are of the same moment
    """
    rows = sorted(expected, key=lambda e: e.unix_s)
    if any(a.unix_s == b.unix_s for a, b in pairwise(rows)):
        raise BadForecast("two rows of the forecast are of the same moment")
    session.execute(delete(Forecast).where(Forecast.night_id == night_id))
    for row in rows:
        session.add(
            Forecast(
                night_id=night_id,
                time=datetime.fromtimestamp(row.unix_s, UTC),
                seeing_arcsec=row.seeing_arcsec,
                transparency=row.transparency,
                source=source[:64],
            )
        )
    return len(rows)


def read_conditions(session: Session, night_id: int) -> Conditions | None:
    """Give what a night's sky is expected to be like; None if there is no forecast."""
    rows = session.scalars(select(Forecast).where(Forecast.night_id == night_id).order_by(Forecast.time)).all()
    if not rows:
        return None
    return Conditions(
        tuple(r.time.timestamp() for r in rows),
        tuple(r.seeing_arcsec for r in rows),
        tuple(r.transparency for r in rows),
    )


def _expected(row: dict[str, str], where: str) -> Expected:
    try:
        moment = float(Time(row["time"].removesuffix("Z"), scale="utc").unix)
        clear = row.get("transparency") or "1"
        return Expected(moment, float(row["seeing_arcsec"]), float(clear))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadForecast(f"{where}: {error}") from error
