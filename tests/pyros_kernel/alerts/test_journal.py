"""The packets' journal gives back what was appended and not released, whatever was in the file before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyros_kernel.alerts.journal import Journal, JournalFull

HALF = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(path, HALF)
    yield made
    made.close()


def found(path: Path) -> list[bytes]:
    """Read it as the next life of the program does."""
    journal = Journal(path, HALF)
    try:
        return list(journal.records())
    finally:
        journal.close()


def test_what_was_appended_is_found(journal: Journal, path: Path) -> None:
    assert journal.append([b"a", b""]) == 2
    assert journal.append([b"b" * 1000]) == 1
    assert found(path) == [b"a", b"", b"b" * 1000]
    assert path.stat().st_size == 2 * HALF


def test_it_goes_on_in_the_other_half_and_is_full_until_the_first_is_released(journal: Journal, path: Path) -> None:
    records = [bytes([n]) * 1300 for n in range(7)]
    assert journal.append(records) == 3
    assert not journal.to_settle
    assert journal.append(records[3:]) == 3
    assert journal.to_settle
    with pytest.raises(JournalFull):
        journal.append(records[6:])
    assert found(path) == records[:6]
    journal.release()
    assert journal.append(records[6:]) == 1
    assert found(path) == records[3:]


def test_a_record_longer_than_a_half_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalFull, match="more than"):
        journal.append([b"x" * HALF])


def test_what_was_torn_by_a_power_cut_is_left_out(journal: Journal, path: Path) -> None:
    journal.append([b"whole"])
    journal.append([b"torn" * 10])
    content = path.read_bytes()
    at = content.index(b"torn")
    path.write_bytes(content[: at + 5] + b"\0" + content[at + 6 :])
    assert found(path) == [b"whole"]


def test_what_an_earlier_life_left_behind_the_end_does_not_come_back(path: Path) -> None:
    for _ in range(3):
        journal = Journal(path, HALF)
        assert list(journal.records()) == []
        for word in (b"first", b"second"):
            journal.append([word])
        assert found(path) == [b"first", b"second"]
        journal.clear()
        assert found(path) == []
        journal.append([b"third"])  # as long as "first": "second" lies right behind it
        assert found(path) == [b"third"]
        journal.clear()
        journal.close()


def test_a_next_life_appends_after_what_it_found(journal: Journal, path: Path) -> None:
    records = [bytes([n]) * 1300 for n in range(5)]
    journal.append(records)
    journal.append(records[3:])
    other = Journal(path, HALF)
    assert list(other.records()) == records
    assert other.to_settle
    other.append([b"new"])
    assert found(path) == [*records, b"new"]
    other.release()
    other.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.just("release"), st.just("restart"), st.lists(st.binary(max_size=900), min_size=1, max_size=6)),
        max_size=25,
    )
)
def test_nothing_that_was_not_released_is_ever_lost(path: Path, steps: list[str | list[bytes]]) -> None:
    path.write_bytes(os.urandom(2 * HALF))  # whatever was there before
    journal = Journal(path, HALF)
    kept: list[bytes] = list(journal.records())
    safe = 0  # how many of them lie in the full half
    for step in steps:
        if step == "restart":
            journal.close()
            journal = Journal(path, HALF)
            assert list(journal.records())[-len(kept) :] == kept if kept else True
        elif step == "release":
            if journal.to_settle:
                journal.release()
                kept = kept[safe:]
                safe = 0
        else:
            full = journal.to_settle
            before = len(kept)
            try:
                count = journal.append(step)  # type: ignore[arg-type]
            except JournalFull:
                assert full
                continue
            kept += step[:count]  # type: ignore[arg-type]
            if journal.to_settle and not full:
                safe = before
        assert found(path)[-len(kept) :] == kept if kept else True
    journal.close()
