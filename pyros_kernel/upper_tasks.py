"""Tasks that speak to what lies above the tasks: agents and recipes.

Celery is told this module's name (as its ``imports`` are meant), so that :mod:`pyros_kernel.tasks` imports
nothing from above.
"""
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyros_kernel.tasks.application import app
from pyros_kernel.tasks.kinds import ByTask, put_sequence_back
from pyros_kernel.tasks.place import settings

if TYPE_CHECKING:
    from pyros_kernel.services import Services


@app.task(name="system_pause", goes_to="system_q", rerun=True, time_limit=30)
def system_pause(reason: str = "by a task") -> str:
    """Tell the Majordome to interrupt what runs and hold."""
    tell_majordome(settings().agent_config, "Pause", {"reason": reason})
    return reason


@app.task(
    name="execute_sequence",
    goes_to="sequence_q",
    bind=True,
    gentle=True,
    grace_s=30.0,
    put_right=put_sequence_back,
)
def execute_sequence(self: Any, sequence_id: int) -> str:
    """Observe a sequence: point, focus, centre, then its albums in parallel; gives its status."""
    from pyros_kernel.recipes.of_night import carry_out
    from pyros_kernel.store import SequenceStatus
    from pyros_kernel.store.patience import AWAY, patiently
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.ending import after_sequence

    here = services()
    try:
        status = carry_out(sequence_id, here, self.cancellation, ByTask())
    except AWAY:
        left = partial(after_sequence, sequence_id, SequenceStatus.INTERRUPTED, here, left_open=True)
        patiently(f"what follows sequence {sequence_id}", left)
        raise
    if status is None:
        after_sequence(sequence_id, None, here)
        raise RuntimeError(f"sequence {sequence_id} ended by a defect: see the worker's log")
    return status.value


@app.task(name="create_calibrations", goes_to="calibration_q", bind=True, gentle=True, grace_s=30.0)
def create_calibrations(self: Any) -> dict[str, Any]:
    """Take the calibration frames of a night, with the dome closed, and combine them."""
    from instruments import Shutter
    from pyros_kernel.recipes.of_night import take_calibrations
    from pyros_kernel.tasks.context import services

    here = services()
    shutter = here.devices.dome.state().shutter.value
    if shutter is not Shutter.CLOSED:
        raise RuntimeError(f"the dome is {shutter}: calibrations are taken with it closed")
    return take_calibrations(here, self.cancellation, ByTask())


@app.task(name="run_recipe", goes_to="recipe_q", bind=True, gentle=True, grace_s=30.0)
def run_recipe(self: Any, name: str, arguments: dict[str, Any] | None = None, run_id: int | None = None) -> Any:
    """Run a recipe by its name, with JSON arguments, or go on with one of the queue; gives what it gives."""
    from pyros_kernel.recipes import find, resume
    from pyros_kernel.tasks.context import services

    here = Elsewhere(services())
    run = find(name).launch(here, arguments or {}) if run_id is None else resume(here, run_id)
    with self.cancellation.calling(lambda: run.abort(self.cancellation.reason)):
        return run.wait()


class Elsewhere:
    """The observatory as a recipe in a worker sees it: its own links, and the Majordome by messages.

    :param services: the worker's
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def pause(self, reason: str) -> None:
        """Ask the night to hold.

        :raises Exception: if the Majordome can't be reached
        """
        tell_majordome(self.services.settings.agent_config, "Pause", {"reason": reason})

    def resume(self) -> None:
        """Ask it to go on."""
        tell_majordome(self.services.settings.agent_config, "Resume", {})

    def commanded_by(self) -> str:
        """Say nothing: a worker works for whoever sent the task."""
        return ""


def tell_majordome(agent_config: Path, message: str, payload: dict[str, Any]) -> None:
    """Send the Majordome a message, and learn that it came.

    :param agent_config: the file that says where it listens
    """
    from pyros_kernel.agents import Agent, AgentConfig, Sender

    try:
        Sender.send_to(Agent.MAJORDOME, message, payload, config=AgentConfig.read(agent_config))
    finally:
        Sender.close()  # the next message may be days away
