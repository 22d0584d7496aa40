"""A row of a request list as blocks of the planner; each refusal names the column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import asin, degrees, inf
from typing import Any, cast

import astropy.units as u
from astropy.coordinates import Angle
from astropy.time import Time

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.constraints import CONSTRAINTS, read_constraints, twilight
from pyros_kernel.scheduling.ephemeris import moving_of
from pyros_kernel.scheduling.nights import not_in
from pyros_kernel.scheduling.several import in_parts, series
from pyros_kernel.scheduling.sky import Sky

_NUMBERS = {
    "priority": "priority",
    "min_altitude_deg": "min_altitude_deg",
    "max_sun_altitude_deg": "max_sun_altitude_deg",
    "min_moon_separation_deg": "min_moon_separation_deg",
    "max_moon_illumination": "max_moon_illumination",
    "value": "value",
}
_WORDS = {"name", "programme", "group", "after", "grade"}
_OTHERS = {"id", "ra", "dec", "duration_s", "exposure_s", "exposures", "overhead_s", "max_airmass", "twilight"}
_MORE = {"window_start", "window_end", "filter", "mandatory", "preferred", "body", "ephemeris"}
_SEVERAL = {"repeats", "min_gap_s", "max_gap_s", "longest_part_s", "first_night", "nights"}
_IN_STORE = {"user", "channel", "recipe", "parameters"}  # of those who ask a running observatory
COLUMNS = frozenset({*_IN_STORE, *_NUMBERS, *_WORDS, *_OTHERS, *_MORE, *_SEVERAL, *CONSTRAINTS})
_AGAIN_S = 40.0  # acquisition, lost with each part of what is split


def given_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the cells of a row that are not empty.

    :raises ValueError: for a column that there is not
    """
    given = {k: v for k, v in row.items() if v is not None and str(v).strip() not in ("", "--")}
    unknown = set(given) - COLUMNS
    if unknown:
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}; there is {', '.join(sorted(COLUMNS))}")
    return given


def blocks_of_row(row: Mapping[str, Any], line: int, sky: Sky) -> list[Block]:
    """Make the block of one row, or the several that it asks for: a series, or the parts of something long.

    :raises ValueError: naming the column
    """
    given = given_in(row)
    if why_not := not_in(_text(given, "first_night"), whole(given, "nights"), sky.name):
        raise ValueError(f"nights: {why_not}")
    block = _block_of_row(given, line, sky)
    repeats, gaps = whole(given, "repeats"), (number(given, "min_gap_s", 0.0), number(given, "max_gap_s", inf))
    if repeats is not None and repeats > 1:
        if "longest_part_s" in given:
            raise ValueError("repeats: what is split can't be repeated as well: write a row for each")
        return series(replace(block, gap_s=(0.0, inf)), repeats, *gaps)
    if "longest_part_s" in given:
        return in_parts(block, number(given, "longest_part_s"), _AGAIN_S)
    return [block]


def _block_of_row(given: Mapping[str, Any], line: int, sky: Sky) -> Block:
    limits: dict[str, Any] = {field: number(given, column) for column, field in _NUMBERS.items() if column in given}
    if "priority" not in given and "value" not in given:
        limits["priority"] = 1.0  # what is worth nothing is not placed
    limits |= {column: str(given[column]) for column in _WORDS if column in given}
    if "max_airmass" in given:
        x = number(given, "max_airmass")
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
        limits["gap_s"] = (number(given, "min_gap_s", 0.0), number(given, "max_gap_s", inf))
    limits["constraints"] = read_constraints({k: v for k, v in given.items() if k in CONSTRAINTS})
    moving = moving_of(ephemeris_in(given), sky)
    if moving is not None:
        first, last = moving.span
        ra, dec = moving.icrs_deg(sky, min(max(sky.midnight_unix_s, first), last))
    else:
        ra, dec = _angle(given, "ra"), _angle(given, "dec")
    return Block(given.get("id", line), ra, dec, _duration_s(given), moving=moving, **limits)


def ephemeris_in(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the ephemeris of a row that has a ``body``, or an ``ephemeris`` (JSON).

    :raises ValueError: for one that is no JSON object
    """
    if "body" in given:
        return {"body": str(given["body"])}
    return json_object(given, "ephemeris")


def json_object(given: Mapping[str, Any], column: str) -> dict[str, Any] | None:
    """Give a cell that is a JSON object, or the text of one; None if it is empty.

    :raises ValueError: naming the column
    """
    found = given.get(column)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError as error:
            raise ValueError(f"{column}: no JSON: {error}") from None
    if found is not None and not isinstance(found, dict):
        raise ValueError(f"{column}: write a JSON object, got {found!r}")
    return cast("dict[str, Any] | None", found)


def _duration_s(row: Mapping[str, Any]) -> float:
    if "duration_s" in row:
        return number(row, "duration_s")
    if "exposure_s" not in row:
        raise ValueError("duration_s is missing, or exposure_s with exposures and overhead_s")
    count = number(row, "exposures", 1.0)
    return number(row, "exposure_s") * count + number(row, "overhead_s", 0.0) * count


def number(row: Mapping[str, Any], column: str, default: float | None = None) -> float:
    """Give a cell's number.

    :raises ValueError: naming the column
    """
    if column not in row and default is not None:
        return default
    try:
        return float(row[column])
    except (TypeError, ValueError):
        raise ValueError(f"{column}: {row[column]!r} is no number") from None


def whole(row: Mapping[str, Any], column: str) -> int | None:
    """Give a cell's whole number, None if it is empty.

    :raises ValueError: naming the column
    """
    if column not in row:
        return None
    found = number(row, column)
    if found != found // 1 or found < 1:
        raise ValueError(f"{column}: {row[column]!r} is no whole number from 1 on")
    return int(found)


def _text(row: Mapping[str, Any], column: str) -> str | None:
    return str(row[column]) if column in row else None


def _angle(row: Mapping[str, Any], column: str) -> float:
    if column not in row:
        raise ValueError(f"{column} is missing")
    text = str(row[column])
    try:
        if any(mark in text for mark in ":hd "):
            angle_deg = float(Angle(text, unit=u.hourangle if column == "ra" else u.deg).deg)
        else:
            angle_deg = float(text)
    except (ValueError, u.UnitsError) as error:
        raise ValueError(f"{column}: {text!r} is no angle: {error}") from None
    low_deg, high_deg = (0, 360) if column == "ra" else (-90, 90)
    if not low_deg <= angle_deg <= high_deg:
        raise ValueError(f"{column}: {text!r} lies outside {low_deg}° to {high_deg}°")
    return angle_deg


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
