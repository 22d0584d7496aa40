"""What a run's rows say to others at the moment it begins."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from sqlalchemy.orm import Session

from pyros_kernel.clock import Clock
from pyros_kernel.recipes import unfinished
from pyros_kernel.recipes.ledger import take_up
from pyros_kernel.store import RecipeStatus, Store


def test_a_run_that_has_just_begun_is_not_taken_for_one_that_crashed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, found = store.session, list[int]()

    @contextmanager
    def looked_at_once_committed(*, read_only: bool = False) -> Generator[Session]:
        with plain(read_only=read_only) as session:
            yield session
        monkeypatch.setattr(store, "session", plain)
        found.extend(run.id for run in unfinished(store))  # as the other camera's calibration does

    monkeypatch.setattr(store, "session", looked_at_once_committed)
    ledger = take_up(store, Clock(), name="take_bias", source="tests", arguments={})
    assert found == []
    ledger.become(RecipeStatus.DONE, "", None)
    ledger.release()


def test_a_run_that_could_not_be_written_down_is_not_held(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = store.session

    @contextmanager
    def full(*, read_only: bool = False) -> Generator[Session]:
        with plain(read_only=read_only) as session:
            yield session
            raise OSError("the disk is full")

    monkeypatch.setattr(store, "session", full)
    with pytest.raises(OSError, match="full"):
        take_up(store, Clock(), name="take_bias", source="tests", arguments={})
    monkeypatch.setattr(store, "session", plain)
    ledger = take_up(store, Clock(), name="take_bias", source="tests", arguments={}, alone=True)
    assert unfinished(store) == []
    ledger.become(RecipeStatus.DONE, "", None)
    ledger.release()
