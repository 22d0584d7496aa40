"""A sequence whose row says that it executes is put back by who began it, and by nobody else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from pyros_kernel.settings import ROOT
from pyros_kernel.store import PlanStatus, Sequence, SequenceStatus, Store, load
from pyros_kernel.tasks.ending import after_sequence, put_back

EXECUTING, OBSERVABLE = SequenceStatus.EXECUTING, SequenceStatus.OBSERVABLE


@dataclass
class Services:
    store: Store


@pytest.fixture
def sequence_id(store: Store) -> int:
    """Give a sequence that executes, with its first plan, begun by the chain "mine"."""
    load(store, ROOT / "fixtures" / "night_2022-09-29.json")
    with store.session() as session:
        sequence = session.scalars(select(Sequence).where(Sequence.status == OBSERVABLE).order_by(Sequence.id)).first()
        assert sequence is not None
        sequence.become(SequenceStatus.PLANNED)
        sequence.become(EXECUTING)
        sequence.chain = "mine"
        sequence.albums[0].plans[0].become(PlanStatus.EXECUTING)
        return sequence.id


def _states(store: Store, sequence_id: int) -> tuple[SequenceStatus, PlanStatus]:
    with store.session(read_only=True) as session:
        sequence = session.get_one(Sequence, sequence_id)
        return sequence.status, sequence.albums[0].plans[0].status


def test_what_another_chain_began_is_left_alone(store: Store, sequence_id: int) -> None:
    for other in (None, "an earlier one"):
        put_back(store, sequence_id, "it broke", other)
        assert _states(store, sequence_id) == (EXECUTING, PlanStatus.EXECUTING)
    put_back(store, sequence_id, "it broke", "mine")
    assert _states(store, sequence_id) == (OBSERVABLE, PlanStatus.INTERRUPTED)


def test_what_a_store_that_was_away_left_open_is_interrupted_and_not_failed(store: Store, sequence_id: int) -> None:
    services = Services(store)
    after_sequence(sequence_id, SequenceStatus.INTERRUPTED, services)  # type: ignore[arg-type]
    assert _states(store, sequence_id) == (EXECUTING, PlanStatus.EXECUTING)
    after_sequence(sequence_id, SequenceStatus.INTERRUPTED, services, left_open=True)  # type: ignore[arg-type]
    assert _states(store, sequence_id) == (OBSERVABLE, PlanStatus.INTERRUPTED)
