"""A sequence of the store, observed: what the night does with each, a worker too, and anybody at the prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments import InstrumentError, OperationAborted
from pyros_kernel.cancellation import WorkCancelled
from pyros_kernel.devices import Missing
from pyros_kernel.images import ArchiveError
from pyros_kernel.recipes.asked import Asked, recipe_for
from pyros_kernel.recipes.errors import BadArgument, RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.ledger import last_of_night
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.parameters import to_json
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.autofocus import autofocus
from pyros_kernel.recipes.standard.by_plans import Manner, by_plans
from pyros_kernel.recipes.standard.observe import Focus, focus_if_due
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits
from pyros_kernel.scheduling.sequences import images_taken
from pyros_kernel.scheduling.wishes import place_at
from pyros_kernel.services import Services
from pyros_kernel.store import (
    Alert,
    AlertStatus,
    Channel,
    Image,
    RecipeStatus,
    RequestKind,
    Sequence,
    SequenceStatus,
    StepStatus,
)
from pyros_kernel.store.patience import patiently
from pyros_kernel.store.request import OBSERVE
from pyros_kernel.tasks.ending import after_sequence
from pyros_kernel.tasks.plan import plans_under_way
from pyros_kernel.tasks.sequence import begin, finish, outcome_of

_ASKED = "what is asked for"  # step that keeps it
# One that can't be observed now (it is late, and too low by now) is put back too: the schedule knows when it can.
PUT_BACK = (WorkCancelled, OperationAborted, RecipeAborted, RecipeInterrupted, Refused)
_FAILED = (InstrumentError, ArchiveError, Missing, BadArgument)


@recipe(needs=Needs.SKY)
def observe_sequence(
    steps: Steps,
    sequence: int,
    focus: Focus | None = None,
    centre: bool | None = None,
    guide: bool | None = None,
) -> dict[str, Any]:
    """Observe a sequence of the store by the recipe that it names, and tell the store how it fares.

    One that names none is observed by its plans as ``observe`` does it: slew, focus if due, centre, and its missing
    images on both channels side by side.  An alert's images wait for neither focus nor centring.

    :param sequence: its number in the store
    :param focus: for one that is observed by its plans: due, always or never; as it says itself if left out
    :param centre: solve a short frame before, and correct the pointing; as it says itself if left out
    :param guide: solve a VIS image now and then, and correct the pointing; as it says itself if left out
    """
    services = steps.services
    steps.ready()  # from here on nobody else executes it
    tries = count()
    begun = patiently(
        f"the start of sequence {sequence}",
        lambda: _begin(sequence, services, again=next(tries) > 0),
        steps.cancelled,
    )
    if begun is None:
        return {"status": SequenceStatus.CANCELLED.value, "images": []}
    part, by_hand = (
        steps.part("", limits=begun.limits),
        {"focus": focus, "centre": centre, "guide": guide},
    )
    try:
        if begun.asked.recipe == OBSERVE:
            found = _by_plans(part, begun, {name: value for name, value in by_hand.items() if value is not None})
            status, reason = outcome_of(len(found["images"]) + begun.taken)
        else:
            found = _by_recipe(part, begun)
            status = SequenceStatus.EXECUTED
            reason = f"recipe {begun.asked.recipe}, {len(found['images'])} images"
    except PUT_BACK as stopped:
        _end(sequence, SequenceStatus.INTERRUPTED, str(stopped), services)
        raise
    except _FAILED as error:
        _end(sequence, SequenceStatus.FAILED, str(error), services)
        raise
    _end(sequence, status, reason, services)
    return {"status": status.value, **found}


def run_to_resume(sequence_id: int, services: Services) -> int | None:
    """Give the run that stopped before the end of a sequence, if the same is still asked for; None to begin anew.

    One that is observed by its plans begins anew: their images tell what is missing, and hours later focus and
    pointing are not what they were.
    """
    with services.store.session(read_only=True) as session:
        sequence = session.get(Sequence, sequence_id)
        if sequence is None or sequence.recipe == OBSERVE:
            return None
        asked = _asked(sequence, session)
    last = last_of_night(services.store, observe_sequence.name, "sequence", sequence_id)
    if last is None:
        return None
    refused = any(step.status is StepStatus.REFUSED for step in last.steps)
    if last.status is RecipeStatus.FAILED and not refused:
        return None  # its own steps, done, led to its end
    before = next((step.result for step in last.steps if step.name == _ASKED), None)
    try:
        return last.id if before == _told(asked) else None
    except BadArgument:
        return None  # the run says what is wrong


@dataclass(frozen=True, slots=True)
class _Begun:
    """A sequence under way.

    :param rows: what the store's rows ask for
    :param asked: the same, with the target where it is now
    :param taken: images that are there already
    :param at_once: whether its images must not wait: those of an alert
    """

    rows: Asked
    asked: Asked
    taken: int
    limits: Limits
    at_once: bool


def _begin(sequence_id: int, services: Services, *, again: bool) -> _Begun | None:
    """Note that it runs; None if it was withdrawn.

    :param again: whether this was tried a moment ago, and may have been noted though the answer was lost
    """
    with services.store.session() as session:
        sequence = session.get(Sequence, sequence_id)
        if sequence is None:
            raise Refused(f"there is no sequence {sequence_id}")
        if sequence.status is SequenceStatus.CANCELLED:
            return None
        if sequence.status is SequenceStatus.OBSERVABLE:
            sequence.become(SequenceStatus.PLANNED, "asked for by hand")
        mine = again and sequence.status is SequenceStatus.EXECUTING
        if sequence.status is not SequenceStatus.PLANNED and not mine:
            raise Refused(f"sequence {sequence.name} is {sequence.status}: it can't be observed")
        begin(sequence, services)
        rows = _asked(sequence, session)
        # One that moves is met halfway: the mount follows the stars.
        where = place_at(sequence, services.sky, services.clock.unix_s() + rows.lasts_s / 2)
        return _Begun(
            rows,
            replace(rows, target=Target(sequence.target, *where)),
            sum(images_taken(session, [sequence]).values()),
            Limits.of(sequence),
            sequence.request.kind is RequestKind.ALERT,
        )


def _asked(sequence: Sequence, session: Session) -> Asked:
    places = Alert.request_id == sequence.request_id, Alert.ra_deg.is_not(None), Alert.status != AlertStatus.RETRACTED
    best = (
        select(Alert.id).where(*places).order_by(Alert.error_deg.is_(None), Alert.error_deg, Alert.id.desc()).limit(1)
    )
    return Asked.of(sequence, session.scalar(best))


def _by_plans(steps: Steps, begun: _Begun, by_hand: dict[str, Any]) -> dict[str, Any]:
    manner = replace(Manner.of(recipe_for(begun.asked)[0], begun.asked), **by_hand)
    if begun.at_once:
        manner = replace(manner, focus="never", centre=False)
    return by_plans(steps, begun.asked, manner, begun.taken)


def _by_recipe(steps: Steps, begun: _Begun) -> dict[str, Any]:
    """Let another recipe take the images of a sequence's plans its own way, as a part of this one."""
    asked, services = begun.asked, steps.services
    chosen, given = recipe_for(asked)
    read = chosen.read(given, services.store)
    steps.note(_ASKED, lambda: _told(begun.rows))
    steps.head_for(asked.target)
    camera = services.devices.cameras.get(Channel.VIS)
    if "target" in given and camera is not None and not begun.at_once and chosen is not autofocus:
        first = next(iter(asked.albums.get(Channel.VIS, ())), None)
        focus_if_due(steps, asked.target, camera, "due", first.filter if first else None)
    with plans_under_way([plan.id for plan in asked.plans], services) as signed:
        steps.sign(signed)
        result = chosen(steps, **read)
    with services.store.session(read_only=True) as session:
        its = Image.plan_id.in_([plan.id for plan in asked.plans]), Image.complete
        paths = list(session.scalars(select(Image.path).where(*its).order_by(Image.id)))
    return {"images": paths, "result": result}


def _told(asked: Asked) -> dict[str, Any]:
    _, given = recipe_for(asked)
    return {"recipe": asked.recipe, "given": {name: to_json(value) for name, value in given.items()}}


def _end(sequence_id: int, status: SequenceStatus, reason: str, services: Services) -> None:
    finish(sequence_id, status, reason, services)
    what = f"what follows sequence {sequence_id}"
    patiently(what, lambda: after_sequence(sequence_id, status, services), services.store.ending)
