"""Each fault on each device on each wire: the call ends in time and says what is wrong, and the device works again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from instruments.pyros import FAULTS
from tests.instruments.back_ends import need
from tests.instruments.fault_bench import BREAK, SPARE_S, Case, Outcome, cases, table
from tests.instruments.fault_table import BACK_ENDS, TABLE, page

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
SEEN_S = 2.0


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, dict[Case, Outcome]]]:
    """Break everything that is here, all wires at once: most of the time all wait."""
    there: list[str] = []
    for name in BACK_ENDS:
        try:
            need(name)
        except pytest.skip.Exception:
            continue
        there.append(name)
    with ThreadPoolExecutor(len(there)) as threads:
        yield dict(zip(there, threads.map(lambda name: BREAK[name](), there), strict=True))


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_shows_as_it_is_and_passes(outcomes: dict[str, dict[Case, Outcome]], fault: str, back_end: str) -> None:
    need(back_end)
    seen = TABLE[fault].seen(back_end)
    if seen is None:
        return  # this wire can't show it, and the page says why
    found = {case: one for case, one in outcomes[back_end].items() if case.fault == fault}
    print(table(found))
    assert set(found) == {case for case in cases(back_end) if case.fault == fault}
    for case, one in found.items():
        assert one.end in seen.allowed(case.kind), (case, one)
        assert one.took_s < one.limit_s + SPARE_S, (case, one)
        assert one.state in seen.known(case.kind).split(" or "), (case, one)
        if one.state == "stale" or (one.state in ("unknown", "caught") and one.end != "done"):
            # By construction within two seconds; a loaded machine gets some more.
            assert one.state_s < SEEN_S + SPARE_S, (case, one)
        assert one.again == "works", (case, one)


def test_the_table_is_whole_and_in_the_docs() -> None:
    assert set(TABLE) == set(FAULTS)
    assert DOCUMENT.read_text(encoding="utf-8") == page()
