"""Frames, however the network breaks them up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.alerts import Deframer, FramingError, frame


@given(messages=st.lists(st.binary(min_size=1, max_size=300), max_size=6), cuts=st.lists(st.integers(1, 40)))
def test_messages_come_out_as_they_went_in(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, messages))
    frames, found, at = Deframer(300), [], 0
    for cut in [*cuts, len(stream)]:
        found += frames.feed(stream[at : at + cut])
        at += cut
    assert found == messages
    assert frames.pending == ""


@pytest.mark.parametrize("length", [0, 301, 1 << 31, (1 << 32) - 1])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_kept(length: int) -> None:
    frames = Deframer(300)
    with pytest.raises(FramingError, match=rf"announce {length} bytes; 1 to 300 are accepted"):
        list(frames.feed(length.to_bytes(4, "big") + b"x" * 1000))


def test_the_messages_before_a_bad_length_are_given() -> None:
    found: list[bytes] = []
    with pytest.raises(FramingError):
        found.extend(message for message in Deframer(300).feed(frame(b"good") + b"\0\0\0\0"))
    assert found == [b"good"]


def test_what_is_missing_is_told() -> None:
    frames = Deframer(300)
    assert list(frames.feed(b"\0\0")) == []
    assert frames.pending == "2 of the 4 bytes of a length"
    assert list(frames.feed(b"\0\x09abc")) == []
    assert frames.pending == "3 of 9 bytes of a message"
