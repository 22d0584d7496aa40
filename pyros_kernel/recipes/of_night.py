"""The night's own work, which recipes do: its sequences, its twilight flats, and its biases and darks."""

from __future__ import annotations

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes.performing import Outcome
from pyros_kernel.recipes.standard import observe_sequence, take_bias, take_darks, take_flats
from pyros_kernel.recipes.standard.sequence import PUT_BACK, run_to_resume
from pyros_kernel.services import Services
from pyros_kernel.store import Channel, SequenceStatus
from pyros_kernel.store.patience import AWAY

logger = logging.getLogger(__name__)


def carry_out(
    sequence_id: int,
    services: Services,
    cancelled: Cancellation,
    analysis: Executor,
    slew: Operation[TelescopeState] | None = None,
) -> SequenceStatus | None:
    """Observe a sequence; the store has the reason of how it ended.

    :param slew: to its target, if it is under way already: an alert's
    :return: EXECUTED, INTERRUPTED (cancelled, or not possible now; its images are kept) or FAILED; CANCELLED if it was
        withdrawn before it began; None if it ended by a defect, which is in the log
    :raises sqlalchemy.exc.OperationalError: or another of :data:`~pyros_kernel.store.patience.AWAY`, if the store was
        away for so long that its row may say that it executes still
    """
    run_id = run_to_resume(sequence_id, services)
    asked = {"sequence": sequence_id}
    outcome = observe_sequence.run_for_night(services, asked, cancelled, analysis, slew, run_id=run_id)
    if outcome.error is None:
        return SequenceStatus(outcome.result["status"])
    if isinstance(outcome.error, AWAY):
        raise outcome.error
    if outcome.defect:
        return None
    return SequenceStatus.INTERRUPTED if isinstance(outcome.error, PUT_BACK) else SequenceStatus.FAILED


def take_twilight_flats(
    channel: Channel, filter_name: str, services: Services, cancelled: Cancellation, analysis: Executor
) -> Outcome:
    """Take flats of the twilight sky; the dome must be open.

    :return: how that ended: done; failed, if the light has passed or the camera does not work; or interrupted
    """
    asked = {"channel": channel.value, "filter": filter_name}
    return take_flats.run_for_night(services, asked, cancelled, analysis)


def take_calibrations(services: Services, cancelled: Cancellation, analysis: Executor) -> dict[str, Any]:
    """Take biases and darks with each camera, and combine them, both cameras side by side; the dome must be closed.

    A camera that is missing or fails is noted, and the rest goes on; frames taken before a cancellation are kept.

    :return: ``frames`` (how many), ``masters`` (paths under the data directory), ``notes`` (what went wrong)
    """
    with ThreadPoolExecutor(len(Channel), thread_name_prefix="pyros-calibration") as pool:
        under_way = [pool.submit(_calibrate, channel, services, cancelled, analysis) for channel in Channel]
    took = [one.result() for one in under_way]
    notes = [one.note for one in took if one.note]
    for note in notes:
        logger.warning("calibrations: %s", note)
    masters = [path for one in took for path in one.masters]
    return {"frames": sum(one.frames for one in took), "masters": masters, "notes": notes}


@dataclass(slots=True)
class _Calibrated:
    """What calibrating a camera gave.

    :param note: what went wrong; empty if nothing did
    """

    frames: int = 0
    masters: list[str] = field(default_factory=list[str])
    note: str = ""


def _calibrate(channel: Channel, services: Services, cancelled: Cancellation, analysis: Executor) -> _Calibrated:
    took = _Calibrated()
    if channel not in services.devices.cameras:
        took.note = f"{channel}: no camera, no calibrations"
        return took
    for recipe in (take_bias, take_darks):  # in this order: a master dark wants the master bias
        outcome = recipe.run_for_night(services, {"channels": channel.value}, cancelled, analysis)
        if outcome.error is not None:
            took.note = f"{channel}: {outcome.reason}"
            return took
        took.frames += outcome.result["frames"]
        took.masters += outcome.result["masters"].values()
    return took
