"""Lists of requests from CSV, ECSV, JSON and PyROS fixtures; a bad row is refused with its line and the reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import asin, degrees
from pathlib import Path
from typing import Any, cast

import astropy.units as u
from astropy.coordinates import Angle
from astropy.table import QTable
from astropy.time import Time

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.constraints import twilight
from pyros_kernel.scheduling.ephemeris import Moving
from pyros_kernel.scheduling.sky import Sky

_NUMBERS = {
    "priority": "priority",
    "min_altitude_deg": "min_altitude_deg",
    "max_sun_altitude_deg": "max_sun_altitude_deg",
    "min_moon_separation_deg": "min_moon_separation_deg",
    "max_moon_illumination": "max_moon_illumination",
    "value": "value",
}
_UNITS = {"ra": u.deg, "dec": u.deg, "duration_s": u.s, "exposure_s": u.s, "overhead_s": u.s}
_WORDS = {"name", "programme", "group", "after", "grade"}
_OTHERS = {"id", "ra", "dec", "duration_s", "exposure_s", "exposures", "overhead_s", "max_airmass", "twilight"}
_MORE = {"window_start", "window_end", "filter", "mandatory", "min_gap_s", "max_gap_s", "preferred", "body"}
COLUMNS = frozenset({*_NUMBERS, *_WORDS, *_OTHERS, *_MORE})


class BadRequests(ValueError):
    """A file that is no list of requests; says why."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken; ``line`` is that of the file for CSV, and the number of the row (from 1) elsewhere."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Requests:
    """What a list of requests holds."""

    blocks: tuple[Block, ...]
    refused: tuple[Refused, ...]


def read_requests(path: Path, sky: Sky) -> Requests:
    """Read a list of requests; the kind of file is told by its name.

    :param sky: of the night they are for; needed by Solar-system bodies
    :raises BadRequests: if nothing in the file can be read
    """
    try:
        rows = list(_rows(path))
    except (OSError, ValueError, KeyError) as error:
        raise BadRequests(f"{path}: {error}") from error
    blocks: dict[str, Block] = {}
    refused: list[Refused] = []
    for line, row in rows:
        try:
            block = block_of_row(row, line, sky)
            if str(block.id) in blocks:
                raise ValueError(f"the id {block.id} is used twice")
            blocks[str(block.id)] = block
        except (TypeError, ValueError) as error:
            refused.append(Refused(line, str(error)))
    return Requests(tuple(blocks.values()), tuple(refused))


def block_of_row(row: Mapping[str, Any], line: int, sky: Sky) -> Block:
    """Make a block of one row.

    :raises ValueError: naming the column
    """
    given = {k: v for k, v in row.items() if v is not None and str(v).strip() not in ("", "--")}
    unknown = set(given) - COLUMNS
    if unknown:
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}; there is {', '.join(sorted(COLUMNS))}")
    limits: dict[str, Any] = {field: _number(given, column) for column, field in _NUMBERS.items() if column in given}
    limits |= {column: str(given[column]) for column in _WORDS if column in given}
    if "max_airmass" in given:
        x = _number(given, "max_airmass")
        if x < 1:
            raise ValueError(f"max_airmass: must be 1 or more, got {x:g}")
        limits["min_altitude_deg"] = max(degrees(asin(1 / x)), limits.get("min_altitude_deg", 0.0))
    if "twilight" in given:
        limits["max_sun_altitude_deg"] = twilight(str(given["twilight"]))
    if "window_start" in given or "window_end" in given:
        limits["window"] = _moment(given, "window_start", -1e12), _moment(given, "window_end", 1e12)
    if "preferred" in given:
        limits["preferred_unix_s"] = _moment(given, "preferred", 0.0)
    if "filter" in given:
        limits["filters"] = tuple(str(given["filter"]).split("+"))
    if "mandatory" in given:
        limits["mandatory"] = _truth(given["mandatory"])
    if "min_gap_s" in given or "max_gap_s" in given:
        limits["gap_s"] = (_number(given, "min_gap_s", 0.0), _number(given, "max_gap_s", float("inf")))
    moving = None
    if "body" in given:
        moving = Moving.body(str(given["body"]), sky)
        ra, dec = moving.first_deg[0], moving.second_deg[0]
    else:
        ra, dec = _angle(given, "ra"), _angle(given, "dec")
    return Block(given.get("id", line), ra, dec, _duration_s(given), moving=moving, **limits)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    kind = path.suffix.lower()
    if kind == ".csv":
        with path.open(newline="") as file:
            reader = csv.DictReader(file, restkey="too many columns")
            yield from ((reader.line_num, row) for row in reader)
    elif kind == ".ecsv":
        table = QTable.read(path, format="ascii.ecsv")
        for number, row in enumerate(table, 1):
            yield number, {name: _plain(name, row[name]) for name in table.colnames}
    elif kind == ".json":
        data = json.loads(path.read_text())
        if not isinstance(data, list):
            raise BadRequests("a list of requests is a JSON list")
        entries = cast("list[dict[str, Any]]", data)
        if entries and all("model" in e for e in entries):
            entries = _of_fixture(entries)
        yield from enumerate(entries, 1)
    else:
        raise BadRequests(f"a list of requests is .csv, .ecsv or .json, not {kind or 'without a suffix'}")


def _plain(name: str, cell: Any) -> Any:
    if getattr(cell, "mask", False) is True or str(cell) == "--":
        return None
    if isinstance(cell, u.Quantity):
        return float(cell.to_value(_UNITS.get(name, cell.unit)))
    if isinstance(cell, Time):
        return cell.utc.isot
    return cell.item() if hasattr(cell, "item") else cell


def _of_fixture(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the sequences of a fixture as rows: their longest channel counts."""
    of_kind: dict[str, dict[int, dict[str, Any]]] = {}
    for entry in objects:
        of_kind.setdefault(str(entry["model"]).rpartition(".")[2], {})[int(entry["pk"])] = entry["fields"]
    album_s: dict[int, float] = {}
    for fields in of_kind.get("plan", {}).values():
        album = int(fields["album"])
        album_s[album] = album_s.get(album, 0.0) + fields["exposure_time_s"] * fields.get("number_of_images", 1)
    longest: dict[int, float] = {}
    for pk, fields in of_kind.get("album", {}).items():
        sequence = int(fields["sequence"])
        longest[sequence] = max(longest.get(sequence, 0.0), album_s.get(pk, 0.0))
    rows: list[dict[str, Any]] = []
    same = ("name", "min_altitude_deg", "max_sun_altitude_deg", "min_moon_separation_deg", "window_start", "window_end")
    for pk, fields in of_kind.get("sequence", {}).items():
        request = of_kind.get("request", {}).get(int(fields["request"]), {})
        programme = of_kind.get("scientific_programme", {}).get(int(request.get("programme", -1)), {})
        rows.append(
            {key: fields.get(key) for key in same}
            | {"id": pk, "ra": fields["ra_deg"], "dec": fields["dec_deg"], "duration_s": longest.get(pk, 0.0)}
            | {"mandatory": fields.get("mandatory", False), "programme": programme.get("name", "")}
            | {"priority": programme.get("priority", 50.0) + fields.get("priority_offset", 0.0)}
            | ({"group": fields["request"]} if request.get("all_or_nothing") else {})
        )
    return rows


def _duration_s(row: Mapping[str, Any]) -> float:
    if "duration_s" in row:
        return _number(row, "duration_s")
    if "exposure_s" not in row:
        raise ValueError("duration_s is missing, or exposure_s with exposures and overhead_s")
    count = _number(row, "exposures", 1.0)
    return _number(row, "exposure_s") * count + _number(row, "overhead_s", 0.0) * count


def _number(row: Mapping[str, Any], column: str, default: float | None = None) -> float:
    if column not in row and default is not None:
        return default
    try:
        return float(row[column])
    except (TypeError, ValueError):
        raise ValueError(f"{column}: {row[column]!r} is no number") from None


def _angle(row: Mapping[str, Any], column: str) -> float:
    if column not in row:
        raise ValueError(f"{column} is missing")
    text = str(row[column])
    try:
        if any(mark in text for mark in ":hd "):
            return float(Angle(text, unit=u.hourangle if column == "ra" else u.deg).deg)
        return float(text)
    except (ValueError, u.UnitsError) as error:
        raise ValueError(f"{column}: {text!r} is no angle: {error}") from None


def _moment(row: Mapping[str, Any], column: str, default: float) -> float:
    if column not in row:
        return default
    try:
        return float(Time(str(row[column]).removesuffix("Z").replace("+00:00", ""), scale="utc").unix)
    except ValueError:
        raise ValueError(f"{column}: {row[column]!r} is no time: write it as 2026-11-22T20:00:00, UTC") from None


def _truth(cell: Any) -> bool:
    text = str(cell).strip().lower()
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise ValueError(f"mandatory: {cell!r} is neither yes nor no")
