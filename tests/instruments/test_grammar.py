"""The language: every line is a command or a clear error, and what is written is read back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.pyros import Command, GrammarError, command, format_command, grammar, parse_command
from instruments.pyros.answer import format_error, format_ok, parse_answer
from instruments.pyros.grammar import Field
from instruments.pyros.line import request_id_of
from instruments.pyros.values import iso_ms, unix_s

ENTRIES = list(grammar().entries.values())
TEXT = st.text(min_size=1, max_size=64).filter(str.isprintable)


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.type in ("angle", "number"):
        low, high = field.range or (None, None)
        numbers = st.floats(low, high, allow_nan=False, allow_infinity=False)
        return st.one_of(numbers, st.sampled_from(field.words)) if field.words else numbers
    if field.type == "date":
        return st.one_of(st.just("J2000"), st.datetimes().map(lambda d: d.isoformat(timespec="microseconds")))
    return st.sampled_from(field.choices) if field.type == "word" else TEXT


@st.composite
def commands(draw: st.DrawFn) -> Command:
    entry = draw(st.sampled_from(ENTRIES))
    values = {f.name: draw(_values(f)) for f in entry.fields}
    request_id = draw(st.none() | st.from_regex(r"\A[A-Za-z0-9_-]{1,32}\Z"))
    return Command(entry.device, entry.action, entry.name, values, request_id)


@given(commands())
def test_what_is_written_is_read_back(asked: Command) -> None:
    line = format_command(asked)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse_command(line[:-1]) == asked


@given(st.binary(max_size=200))
def test_any_bytes_give_a_command_or_a_grammar_error(line: bytes) -> None:
    try:
        asked = parse_command(line)
    except GrammarError as error:
        assert error.code in grammar().errors
        assert error.text
    else:
        assert parse_command(format_command(asked)[:-1]) == asked


@given(commands(), st.integers(0, 60), st.text(max_size=6))
def test_a_mutilated_command_gives_a_command_or_a_grammar_error(asked: Command, at: int, dirt: str) -> None:
    line = format_command(asked).decode()[:-1]
    dirty = (line[:at] + dirt + line[at + 1 :]).encode("utf-8", "surrogatepass")
    try:
        parse_command(dirty)
    except GrammarError as error:
        assert error.code in grammar().errors


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_a_grammar_error(line: bytes) -> None:
    try:
        parse_answer(line)
    except GrammarError as error:
        assert error.code in grammar().errors


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("COORD_RADEC 12:05:17.3 +45:12:00 J2000", {"ra": 181.322083333, "dec": 45.2, "equinox": "J2000"}),
        ("COORD_RADEC 12h05m17.3s -45d12m00s J2000", {"ra": 181.322083333, "dec": -45.2, "equinox": "J2000"}),
        ('COORD_RADEC "12 05 17.3" "-0 30 00" J2000', {"ra": 181.322083333, "dec": -0.5, "equinox": "J2000"}),
        (
            "COORD_RADEC 181.322083333 45.2 2025-06-21T00:00:00",
            {"ra": 181.322083333, "dec": 45.2, "equinox": "2025-06-21T00:00:00"},
        ),
        ("COORD_HADEC -01:00:00 10.5", {"ha": -15.0, "dec": 10.5}),
        ("COORD_ALTAZ 90 45:30:00", {"azimuth": 90.0, "elevation": 45.5}),
        ("DRIFT_HADEC diurnal 0", {"dha": "diurnal", "ddec": 0.0}),
        ("DRIFT_HADEC 0.001 -0.002", {"dha": 0.001, "ddec": -0.002}),
        ("ROTATOR_ANGLE 12.5", {"angle": 12.5}),
    ],
)
def test_confirmed_forms_work_to_the_letter(line: str, values: dict[str, Any]) -> None:
    asked = parse_command(f"TELESCOPE SET {line}".encode())
    assert asked.entry.origin == "pyros"
    assert set(asked.values) == set(values)
    for key, value in values.items():
        got = asked.values[key]
        assert got == (value if isinstance(value, str) else pytest.approx(value, abs=1e-8))


def test_confirmed_actions_need_nothing_more() -> None:
    for word in ("START", "DRIFT_ON", "ROTATOR_GOTO"):
        assert parse_command(f"TELESCOPE DO {word}\r".encode()).entry.origin == "pyros"


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (b"TELESCOP DO START", "unknown", "word 1: no device 'TELESCOP'; known: TELESCOPE"),
        (b"TELESCOPE PUT START", "unknown", "word 2: no action 'PUT'"),
        (b"TELESCOPE DO JUMP", "unknown", "word 3: TELESCOPE DO knows no 'JUMP'; it knows: START"),
        (b"TELESCOPE", "syntax", "DEVICE ACTION OPERATION"),
        (b"TELESCOPE SET COORD_RADEC 12:05:17.3", "syntax", "lacks dec (Dec. Angle), parameter 2"),
        (b"TELESCOPE SET COORD_RADEC 12:61:00 0", "range", "parameter 1 at column 27"),
        (b"TELESCOPE SET COORD_RADEC 10 -91", "range", "dec must lie within -90 to 90 deg, not '-91.0'"),
        (b"TELESCOPE SET COORD_RADEC nan 0", "syntax", "ra must be an angle"),
        (b"TELESCOPE SET COORD_RADEC 1 1 1900-13-01", "range", "calendar"),
        (b"TELESCOPE DO START now", "syntax", "'now' at column 20 is too much"),
        (b"CAMERA_VIS SET EXPOSURE 1e9 light", "range", "time must lie within 0 to 3600 s"),
        (b"CAMERA_VIS SET EXPOSURE 5 nice", "syntax", "one of light, bias, dark, flat"),
        (b'CAMERA_VIS SET FILTER "r', "syntax", "column 23"),
        (b"@ DOME DO OPEN", "syntax", "word 1: an id"),
        (b"\xff\xfe DO OPEN", "syntax", "not UTF-8: byte 0"),
        (b"X" * 5000, "syntax", "longer than 4096 bytes"),
    ],
)
def test_an_error_names_word_and_position(line: bytes, code: str, says: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_command(line)
    assert caught.value.code == code
    assert says in caught.value.text


def test_a_command_out_of_range_is_not_even_written() -> None:
    with pytest.raises(GrammarError, match="within 0 to 360"):
        command("TELESCOPE", "SET", "COORD_RADEC", 361.0, 0.0, "J2000")
    with pytest.raises(GrammarError, match="must be finite"):
        command("TELESCOPE", "SET", "COORD_RADEC", math.nan, 0.0)
    with pytest.raises(GrammarError, match="lacks ra"):
        command("TELESCOPE", "SET", "COORD_RADEC")
    with pytest.raises(GrammarError, match="takes 0 values"):
        command("DOME", "DO", "OPEN", 1.0)


def test_left_out_parameters_take_their_default() -> None:
    assert parse_command(b"CAMERA_VIS SET EXPOSURE 5").values == {"time": 5.0, "kind": "light"}
    assert command("TELESCOPE", "SET", "COORD_RADEC", 1.0, 2.0).values["equinox"] == "J2000"


@given(st.none() | st.from_regex(r"\A[A-Za-z0-9_-]{1,32}\Z"), st.text(max_size=80))
def test_answers_are_read_back(request_id: str | None, text: str) -> None:
    ok = parse_answer(format_ok(request_id, {"a": text, "b": 1.5})[:-1])
    assert (ok.ok, ok.request_id, ok.values) == (True, request_id, {"a": text, "b": 1.5})
    line = format_error(request_id, "busy", text)
    assert line.count(b"\n") == 1
    error = parse_answer(line[:-1])
    assert (error.ok, error.request_id, error.code) == (False, request_id, "busy")
    assert request_id_of(line) == request_id


@given(st.floats(0, 4e9))
def test_times_keep_their_milliseconds(when_s: float) -> None:
    assert unix_s(iso_ms(when_s)) == pytest.approx(when_s, abs=6e-4)


def test_the_grammar_is_whole() -> None:
    names = {e.device for e in ENTRIES}
    assert names == set(grammar().labels)
    for entry in ENTRIES:
        assert entry.help.endswith(".")
        assert entry.origin in ("pyros", "ours")
        assert entry.label
        assert all(f.label for f in entry.fields)
        # What a form needs: a range for every number, choices for every word.
        assert all(f.range or f.words for f in entry.fields if f.type == "number")
        assert all(f.choices for f in (*entry.fields, *entry.answer) if f.type == "word")
        assert (entry.answer != ()) or entry.action != "GET"
    assert [e.words for e in ENTRIES if e.payload] == ["CAMERA_VIS GET IMAGE", "CAMERA_NIR GET IMAGE"]
    assert grammar().simulator_only == {"SIMULATOR"}
