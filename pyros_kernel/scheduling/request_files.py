"""The rows of a request list: of CSV, ECSV, JSON, or a PyROS fixture."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import astropy.units as u
from astropy.table import QTable
from astropy.time import Time

_UNITS = {"ra": u.deg, "dec": u.deg, "duration_s": u.s, "exposure_s": u.s, "overhead_s": u.s}
_SAME_AS_IN_STORE = ("preferred", "ephemeris", "first_night", "nights", "after", "min_gap_s", "max_gap_s")


class BadRequests(ValueError):
    """A file that is no list of requests; says why."""


def rows_of(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give the rows of a list with their lines; the kind of file is told by its name.

    :raises BadRequests: for another kind of file
    """
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
            | {key: fields.get(key) for key in _SAME_AS_IN_STORE}
            | {"grade": programme.get("tac_grade")}
            | (fields.get("constraints") or {})
        )
    return rows
