"""A sequence of the store, observed: what the night does with each, a worker too, and anybody at the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from astropy import units as u

from instruments import InstrumentError, OperationAborted
from pyros_kernel.cancellation import WorkCancelled
from pyros_kernel.devices import Missing
from pyros_kernel.images import ArchiveError
from pyros_kernel.recipes.errors import RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import shot_step
from pyros_kernel.recipes.standard.observe import Focus, acquired, in_rounds
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import NIGHT_DEG
from pyros_kernel.scheduling.sequences import images_taken
from pyros_kernel.scheduling.wishes import place_at
from pyros_kernel.services import Services
from pyros_kernel.store import Channel, RequestKind, Sequence, SequenceStatus
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.ending import after_sequence
from pyros_kernel.tasks.plan import plan_under_way
from pyros_kernel.tasks.sequence import begin, finish, outcome_of

_GUIDE_S = 900.0  # a mount drifts by an arcsecond or two in that
_WITHIN_ARCSEC = 3.0
_LATE_DEG = 2.0  # what the Sun may rise while a sequence runs late
# One that can't be observed now (it is late, and too low by now) is put back too: the schedule knows when it can.
PUT_BACK = (WorkCancelled, OperationAborted, RecipeAborted, RecipeInterrupted, Refused)
_FAILED = (InstrumentError, ArchiveError, Missing)


@recipe(needs=Needs.SKY)
def observe_sequence(
    steps: Steps, sequence: int, focus: Focus = "due", centre: bool = True, guide: bool = True
) -> dict[str, Any]:
    """Observe a sequence of the store: slew, focus if due, centre, and take its missing images on both channels.

    Each channel takes its plans one after the other while the other one takes its own; every quarter of an hour both
    wait for one another, and the pointing is corrected by the stars of the last VIS image.  An alert's images wait
    for neither focus nor centring.  The store is told how the sequence, its plans and its request fare.

    :param sequence: its number in the store
    :param focus: due: if it was not found for three hours, or the temperature changed since
    :param centre: solve a short frame before, and correct the pointing
    :param guide: solve a VIS image now and then, and correct the pointing
    """
    services = steps.services
    steps.ready()  # from here on nobody else executes it
    tries = count()
    asked = patiently(
        f"the start of sequence {sequence}",
        lambda: _begin(sequence, services, again=next(tries) > 0),
        steps.cancelled,
    )
    if asked is None:
        return {"status": SequenceStatus.CANCELLED.value, "images": []}
    try:
        found = _observe(steps.part("", sun_limit_deg=asked.sun_limit_deg), asked, focus, centre=centre, guide=guide)
    except PUT_BACK as stopped:
        _end(sequence, SequenceStatus.INTERRUPTED, str(stopped), services)
        raise
    except _FAILED as error:
        _end(sequence, SequenceStatus.FAILED, str(error), services)
        raise
    status, reason = outcome_of(len(found["images"]) + asked.taken)
    _end(sequence, status, reason, services)
    return {"status": status.value, **found}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a sequence asks for.

    :param albums: channel → (id of the plan, images that it wants), in the order in which they are taken
    :param lasts_s: the longest channel's exposures
    :param taken: images that are there already
    :param at_once: whether its images must not wait: those of an alert
    """

    target: Target
    filters: dict[Channel, str]
    albums: dict[Channel, list[tuple[int, int]]]
    lasts_s: float
    taken: int
    sun_limit_deg: float
    at_once: bool

    @property
    def images(self) -> int:
        return sum(images for plans in self.albums.values() for _, images in plans)


def _begin(sequence_id: int, services: Services, *, again: bool) -> _Asked | None:
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
        plans = {album.channel: album.plans for album in sequence.albums if album.plans}
        lasts_s = max((sum(p.number_of_images * p.exposure_time_s for p in own) for own in plans.values()), default=0.0)
        # One that moves is met halfway: the mount follows the stars.
        where = place_at(sequence, services.sky, services.clock.unix_s() + lasts_s / 2)
        return _Asked(
            Target(sequence.target, *where),
            {channel: own[0].filter for channel, own in plans.items()},
            {channel: [(plan.id, plan.number_of_images) for plan in own] for channel, own in plans.items()},
            lasts_s,
            sum(images_taken(session, [sequence]).values()),
            max(sequence.max_sun_altitude_deg, NIGHT_DEG) + _LATE_DEG,
            sequence.request.kind is RequestKind.ALERT,
        )


def _observe(steps: Steps, asked: _Asked, focus: Focus, *, centre: bool, guide: bool) -> dict[str, Any]:
    rounds = max(1, round(asked.lasts_s / _GUIDE_S)) if guide and Channel.VIS in asked.albums else 1
    steps.expect(asked.images - asked.taken + rounds + 2, asked.lasts_s * u.s)
    if asked.at_once:
        focus, centre = "never", False
    sent = acquired(steps, asked.target, asked.filters, focus, _WITHIN_ARCSEC, centre=centre)

    def take(part: Steps, aimed: Target, n: int) -> list[str]:
        taken = part.together(
            {
                channel.value: lambda own, plans=plans: _take_plans(own, plans, aimed, n / rounds)
                for channel, plans in asked.albums.items()
            }
        )
        # The last VIS image, which tells best where the telescope points by now, comes first.
        return [*reversed(taken.pop(Channel.VIS.value, [])), *(path for paths in taken.values() for path in paths)]

    return in_rounds(steps, asked.target, rounds, take, sent, _WITHIN_ARCSEC, guide)


def _take_plans(steps: Steps, plans: list[tuple[int, int]], aimed: Target, share: float) -> list[str]:
    """Take the missing images of a channel's plans one after the other, up to a share of them all."""
    left = round(share * sum(images for _, images in plans))
    paths: list[str] = []
    for plan_id, images in plans:
        upto = min(images, left)
        left -= upto
        with plan_under_way(plan_id, steps.services, aimed.coord, upto) as plan:
            if plan is None:
                continue
            for number in plan.numbers:
                frame = shot_step(steps, f"plan {plan_id} image {number}", lambda shot=plan.shot: shot)
                paths += [frame["path"]] if frame else []
    return paths


def _end(sequence_id: int, status: SequenceStatus, reason: str, services: Services) -> None:
    finish(sequence_id, status, reason, services)
    what = f"what follows sequence {sequence_id}"
    patiently(what, lambda: after_sequence(sequence_id, status, services), services.store.ending)
