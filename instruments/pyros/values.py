"""Values of the PyROS language: read one from its word, write it as one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from instruments.pyros.grammar import Field, GrammarError

Value = float | str

# 12:05:17.3 | 12 05 17.3 | 12h05m17.3s | 45d12m00s; the minutes and seconds may be left out from the right.
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)(?P<first>\d{1,3})(?P<mark>[:hd ])(?P<minutes>\d{1,2})"
    r"(?:[:m ](?P<seconds>\d{1,2}(?:\.\d{1,12})?)s?|m)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?", re.ASCII)
_TEXT_MAX = 64


def parse_value(field: Field, word: str, where: str) -> Value:
    """Read the value of ``field`` from ``word``.

    :param where: position of the word, for the error
    :return: degrees for an angle, ``J2000`` or the ISO text for a date, else a float or a text
    :raises GrammarError: if it is no such value, or out of its range
    """
    if word in field.words:
        return word
    if field.type == "angle":
        return _in_range(field, _angle_deg(field, word, where), where)
    if field.type == "number":
        return _in_range(field, _number(field, word, where), where)
    if field.type == "date":
        return _date(field, word, where)
    if field.type == "word":
        if word not in field.choices:
            raise _wrong(field, word, where, "must be one of " + ", ".join(field.choices))
        return word
    if not 1 <= len(word) <= _TEXT_MAX or not word.isprintable():
        raise _wrong(field, word, where, f"must be 1 to {_TEXT_MAX} printable characters")
    return word


def format_value(field: Field, value: Value) -> str:
    """Write ``value`` as a word of a line; :func:`parse_value` gives it back unchanged.

    :raises GrammarError: if it is not a value of ``field``
    """
    where = f"field {field.name}"
    if field.type in ("angle", "number") and not isinstance(value, str):
        return repr(_in_range(field, float(value), where))
    word = str(value)
    parse_value(field, word, where)
    return json.dumps(word, ensure_ascii=False) if " " in word or '"' in word or word.startswith("@") else word


def check_answer(fields: tuple[Field, ...], answer: Mapping[str, object]) -> None:
    """Check that an answer holds what the grammar says it holds.

    :raises GrammarError: if a field is missing, or is of another type
    """
    for field in fields:
        if field.name not in answer:
            raise GrammarError("syntax", f"the answer lacks {field.name!r}")
        value = answer[field.name]
        if not _is(field, value):
            raise GrammarError("syntax", f"{field.name!r} in the answer is not a {field.type}: {value!r:.80}")


def unix_s(iso: str) -> float:
    """Turn an ISO time of an answer (UTC) into unix seconds.

    :raises ValueError: if it is no such time
    """
    return datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()


def iso_ms(when_s: float) -> str:
    """Write unix seconds as an ISO time with milliseconds, UTC."""
    return datetime.fromtimestamp(round(when_s, 3), UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _is(field: Field, value: object) -> bool:
    match field.type:
        case "number":
            return _is_number(value)
        case "bool":
            return isinstance(value, bool)
        case "word":
            return isinstance(value, str) and value in field.choices
        case "time":
            return _is_time(value)
        case "words":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "table":
            return isinstance(value, dict)
        case "reading":
            return (
                isinstance(value, dict)
                and (isinstance(value.get("value"), bool) or _is_number(value.get("value")))
                and _is_time(value.get("time"))
            )
        case _:
            return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        unix_s(value)
    except (ValueError, OverflowError):
        return False
    return True


def _wrong(field: Field, word: str, where: str, must: str, code: str = "syntax") -> GrammarError:
    return GrammarError(code, f"{field.name} {must}, not {word[:40]!r} ({where})")


def _number(field: Field, word: str, where: str) -> float:
    if not _NUMBER.fullmatch(word):
        allowed = " or ".join(("a decimal number", *field.words))
        raise _wrong(field, word, where, f"must be {allowed}")
    return float(word)


def _angle_deg(field: Field, word: str, where: str) -> float:
    if _NUMBER.fullmatch(word):
        return float(word)
    found = _SEXAGESIMAL.fullmatch(word)
    if found is None:
        raise _wrong(field, word, where, "must be an angle like 12:05:17.3, 12h05m17.3s or decimal degrees")
    minutes, seconds = int(found["minutes"]), float(found["seconds"] or 0)
    if minutes >= 60 or seconds >= 60:
        raise _wrong(field, word, where, "must have minutes and seconds below 60", "range")
    in_hours = found["mark"] == "h" or (found["mark"] != "d" and field.sexagesimal == "hours")
    size = int(found["first"]) + minutes / 60 + seconds / 3600
    return (-size if found["sign"] == "-" else size) * (15 if in_hours else 1)


def _in_range(field: Field, value: float, where: str) -> float:
    if not math.isfinite(value):
        raise _wrong(field, repr(value), where, "must be finite", "range")
    if field.range is not None and not field.range[0] <= value <= field.range[1]:
        low, high = field.range
        raise _wrong(field, repr(value), where, f"must lie within {low:g} to {high:g} {field.unit}".rstrip(), "range")
    return value


def _date(field: Field, word: str, where: str) -> str:
    if word == "J2000":
        return word
    if not _DATE.fullmatch(word):
        raise _wrong(field, word, where, "must be J2000 or an ISO date like 2025-06-21T00:00:00")
    try:
        datetime.fromisoformat(word)
    except ValueError as error:
        raise _wrong(field, word, where, f"must be a date of the calendar ({error})", "range") from None
    return word
