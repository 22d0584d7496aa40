"""INDI's stream: read in any pieces, refused when it is none, and never kept."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instruments.indi.element import BrokenStream, Parser, write_get, write_vector

STREAM = (
    b"<defNumberVector device='A &amp; B' name='X' state='Idle' perm='rw'>\n"
    b"  <defNumber name='V' min='0' max='8'>\n 4\n"
    b"</defNumber></defNumberVector>\n<message device='' message='[INFO] caf\xc3\xa9'/>"
    b"<setBLOBVector device='C' name='CCD1'><oneBLOB name='CCD1' format='.fits' len='3'>QUJD\nREVG</oneBLOB>"
    b"</setBLOBVector>"
    b"<delProperty device='C'/>"
)
PRINTABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_pieces_in_which_it_comes_do_not_matter(cuts: list[int]) -> None:
    parser, edges = Parser(), sorted({0, *cuts, len(STREAM)})
    elements = [e for start, end in pairwise(edges) for e in parser.feed(STREAM[start:end])]
    assert [e.tag for e in elements] == ["defNumberVector", "message", "setBLOBVector", "delProperty"]
    assert elements[0].attributes["device"] == "A & B"
    assert elements[0].items[0].text == "4"
    assert elements[0].items[0].attributes["max"] == "8"
    assert elements[1].attributes["message"] == "[INFO] café"
    assert elements[2].items[0].text == "QUJD\nREVG"


@pytest.mark.parametrize(
    "nonsense",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><m>&a;</m>',
        b"<m>&undefined;</m>",
        b"<?xml version='1.0'?><m/>",
        b"<a></b>",
        b"</indi><m/>",
        b"\xff\xfe\x00",
        b"HTTP/1.1 200 OK <",
    ],
)
def test_what_is_no_stream_is_refused(nonsense: bytes) -> None:
    parser = Parser()
    with pytest.raises(BrokenStream, match="no XML"):
        for _ in range(3):
            parser.feed(nonsense)


def test_an_element_without_end_is_refused_before_it_fills_the_memory() -> None:
    parser = Parser(max_bytes=100_000)
    parser.feed(b"<setBLOBVector device='C' name='CCD1'><oneBLOB name='CCD1'>")
    with pytest.raises(BrokenStream, match="more than 100000 bytes"):
        for _ in range(200):
            parser.feed(b"A" * 1000)


@given(st.binary(max_size=200))
@example(b"<a b='")
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    parser = Parser()
    try:
        for _ in range(3):
            parser.feed(data)
    except BrokenStream:
        return


@given(PRINTABLE, PRINTABLE, st.floats(allow_nan=False, allow_infinity=False), PRINTABLE, st.booleans())
def test_what_is_written_is_read(device: str, name: str, number: float, text: str, on: bool) -> None:
    written = write_vector("Number", device, name, {"N": number})
    written += write_vector("Text", device, name, {"T": text}) + write_vector("Switch", device, name, {"S": on})
    numbers, texts, switches = Parser().feed(written)
    assert (numbers.tag, numbers.attributes) == ("newNumberVector", {"device": device, "name": name})
    assert float(numbers.items[0].text) == number
    assert texts.items[0].text == text.strip()
    assert switches.items[0].text == ("On" if on else "Off")


def test_one_property_is_asked_for_or_all() -> None:
    start = b"<getProperties version='1.7' device=\"D'1\""
    assert write_get("D'1", ["A", "B"]) == start + b' name="A"/>\n' + start + b' name="B"/>\n'
    assert write_get("D") == b"<getProperties version='1.7' device=\"D\"/>\n"
