"""One observing observatory for a module of tests: starting one takes longer than most recipes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyros_kernel import Observatory
from pyros_kernel.recipes import end_all
from tests.waiting import status, until

EVENING, MIDNIGHT = "2022-09-30T03:30:00", "2022-09-30T08:00:00"


@pytest.fixture(scope="module")
def observing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """Give an observatory with an open dome and nothing to do, at ×200, with a whole night before it."""
    observatory = Observatory(tmp_path_factory.mktemp("recipes"), start=EVENING, speed=200)
    with observatory as obs:
        obs.observe()
        until(lambda: status(obs) == "observing", "observing")
        yield obs
        end_all(obs.services, "the tests end")
    observatory.check()


@pytest.fixture
def obs(observing: Observatory) -> Iterator[Observatory]:
    """Give it, and end what a test left running."""
    yield observing
    end_all(observing.services, "the test ends")
    until(lambda: status(observing) == "observing", "observing again")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Observatory]:
    """Give an observatory of one's own, closed, at ×300."""
    observatory = Observatory(tmp_path, start=MIDNIGHT, speed=300)
    with observatory as obs:
        yield obs
        end_all(obs.services, "the test ends")
    observatory.check()
