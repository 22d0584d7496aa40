"""The night's own work, which recipes do: its sequences, and its calibrations."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from typing import Any

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes.standard import observe_sequence, take_bias, take_darks
from pyros_kernel.recipes.standard.sequence import PUT_BACK
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
    outcome = observe_sequence.run_for_night(services, {"sequence": sequence_id}, cancelled, analysis, slew)
    if outcome.error is None:
        return SequenceStatus(outcome.result["status"])
    if isinstance(outcome.error, AWAY):
        raise outcome.error
    if outcome.defect:
        return None
    return SequenceStatus.INTERRUPTED if isinstance(outcome.error, PUT_BACK) else SequenceStatus.FAILED


def take_calibrations(services: Services, cancelled: Cancellation, analysis: Executor) -> dict[str, Any]:
    """Take biases and darks with each camera, and combine them; the dome must be closed.

    A camera that is missing or fails is noted, and the rest goes on; frames taken before a cancellation are kept.

    :return: ``frames`` (how many), ``masters`` (paths under the data directory), ``notes`` (what went wrong)
    """
    frames, masters, notes = 0, list[str](), list[str]()
    for channel in Channel:
        if channel not in services.devices.cameras:
            notes.append(f"{channel}: no camera, no calibrations")
            continue
        for recipe in (take_bias, take_darks):
            outcome = recipe.run_for_night(services, {"channels": channel.value}, cancelled, analysis)
            if outcome.error is not None:
                notes.append(f"{channel}: {outcome.reason}")
                break
            frames += outcome.result["frames"]
            masters += outcome.result["masters"].values()
        if cancelled.is_set():
            break
    for note in notes:
        logger.warning("calibrations: %s", note)
    return {"frames": frames, "masters": masters, "notes": notes}
