"""A sequence as a chain of tasks: slew, then the plans of both channels side by side, then its end.

``sequence_chain(42, store).apply_async()``.  Each image is analysed by a task that its plan sends.  A sequence that
says EXECUTING has the telescope: the slew of the next chain waits for its end.  The sequence says which chain began it:
the last words of a chain that broke may come when another one observes it already, and must not end that one.
"""
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from celery import chain, group

from pyros_kernel.tasks.application import app
from pyros_kernel.tasks.kinds import put_sequence_back

if TYPE_CHECKING:
    from pyros_kernel.store import Sequence, Store

_BUSY_REAL_S = 1.0


def sequence_chain(sequence_id: int, store: Store) -> Any:
    """Make the chain that observes a sequence; its result is the sequence's status.

    Revoking a part of it ends the rest, and puts the sequence back among the observable ones.  A sequence that names
    another recipe than observe is one task: where its images are taken, and when, is the recipe's own matter.

    :raises sqlalchemy.exc.NoResultFound: if there is no such sequence
    :raises ValueError: if it has no plans
    """
    from pyros_kernel.store import Channel, Sequence
    from pyros_kernel.store.request import OBSERVE

    with store.session(read_only=True) as session:
        sequence = session.get_one(Sequence, sequence_id)
        plans = [(album.channel, plan.id) for album in sequence.albums for plan in album.plans]
        by_plans = sequence.recipe == OBSERVE
    if not plans:
        raise ValueError(f"sequence {sequence_id} has no plans: there is nothing to observe")
    if not by_plans:
        return _part("execute_sequence", sequence_id)
    tasks = {Channel.VIS: "execute_plan_vis", Channel.NIR: "execute_plan_nir"}
    # Not Celery's root id: the error link of parallel parts has another one.
    key = uuid4().hex
    if_lost = _part("give_up_sequence", sequence_id, key)
    return chain(
        _part("slew", sequence_id, key).set(link_error=[if_lost]),
        group(_part(tasks[channel], plan_id) for channel, plan_id in plans),
        app.signature("end_sequence", (sequence_id, key)).set(link_error=[if_lost]),
    )


def _part(task: str, *arguments: Any) -> Any:
    """Make a part that takes its own arguments, and not what the part before it gave."""
    return app.signature(task, arguments, immutable=True)


def _is_observed(sequence: Sequence, by_chain: str) -> bool:
    from pyros_kernel.store import SequenceStatus

    return sequence.status is SequenceStatus.EXECUTING and sequence.chain == by_chain


@app.task(
    name="slew",
    goes_to="sequence_q",
    bind=True,
    gentle=True,
    grace_s=30.0,
    put_right=put_sequence_back,
    max_retries=None,
)
def slew(self: Any, sequence_id: int, chain_key: str) -> None:
    """Begin a sequence of a chain: bring telescope and dome to its target; waits while another one executes."""
    from sqlalchemy import select

    from instruments import OperationAborted
    from pyros_kernel.cancellation import WorkCancelled
    from pyros_kernel.store import Sequence, SequenceStatus
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.ending import put_back
    from pyros_kernel.tasks.pointing import point
    from pyros_kernel.tasks.sequence import begin

    here = services()
    with here.store.session() as session:
        other = select(Sequence.id).where(Sequence.status == SequenceStatus.EXECUTING, Sequence.id != sequence_id)
        busy = session.scalar(other.limit(1)) is not None
        target = None if busy else begin(session.get_one(Sequence, sequence_id), here, chain_key)
    if target is None:
        raise self.retry(countdown=_BUSY_REAL_S)
    try:
        point(target, here, self.cancellation)
    except (WorkCancelled, OperationAborted) as stopped:
        put_back(here.store, sequence_id, str(stopped), chain_key)
        raise


@app.task(name="end_sequence", goes_to="sequence_q", rerun=True)
def end_sequence(taken: list[int], sequence_id: int, chain_key: str) -> str:
    """End a sequence of a chain whose plans have ended; gives its status."""
    from pyros_kernel.store import Sequence
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.ending import after_sequence
    from pyros_kernel.tasks.sequence import finish, outcome_of

    here = services()
    with here.store.session(read_only=True) as session:
        sequence = session.get_one(Sequence, sequence_id)
        if not _is_observed(sequence, chain_key):
            return sequence.status.value  # it was ended before: this runs again
    status, reason = outcome_of(sum(taken))
    finish(sequence_id, status, reason, here)
    after_sequence(sequence_id, status, here)
    return status.value


@app.task(name="give_up_sequence", goes_to="sequence_q", rerun=True, bind=True)  # unbound, Celery would call it at once
def give_up_sequence(_self: Any, sequence_id: int, chain_key: str) -> str:
    """End a sequence whose chain broke: FAILED if an instrument failed, else put back; gives its status."""
    from sqlalchemy import select

    from pyros_kernel.store import Album, Plan, PlanStatus, Sequence, SequenceStatus
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.ending import after_sequence, put_back
    from pyros_kernel.tasks.sequence import finish

    here = services()
    with here.store.session(read_only=True) as session:
        sequence = session.get_one(Sequence, sequence_id)
        if not _is_observed(sequence, chain_key):
            return sequence.status.value
        of_it = select(Plan).join(Album).where(Album.sequence_id == sequence_id, Plan.status == PlanStatus.FAILED)
        failed = session.scalars(of_it).first()
    if failed is None:
        put_back(here.store, sequence_id, "a part of its chain was revoked or lost", chain_key)
        return SequenceStatus.OBSERVABLE.value
    finish(sequence_id, SequenceStatus.FAILED, failed.reason, here)
    after_sequence(sequence_id, SequenceStatus.FAILED, here)
    return SequenceStatus.FAILED.value
