"""Recipes by name: for the queue, workers, the command line, and going on after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyros_kernel.recipes.errors import Refused
from pyros_kernel.recipes.host import Host
from pyros_kernel.recipes.registry import find
from pyros_kernel.recipes.run import RecipeRun
from pyros_kernel.services import Services
from pyros_kernel.store import RecipeRecord


def run_by_name(
    name: str, json_arguments: Mapping[str, Any], host: Host | Services, *, run_id: int | None = None
) -> Any:
    """Run a recipe to its end, and give its result, which JSON can hold.

    :param name: of the recipe; ``module:name`` or ``file.py:name`` for one of your own
    :param json_arguments: as its signature reads them: ``{"target": "M 31", "exposure": "30 s"}``
    :param host: the observatory, or bare services in a worker
    :param run_id: of a run to go on with
    :raises UnknownRecipe: if there is no such recipe
    :raises BadArgument: naming the argument and what would do
    """
    run = find(name).launch(host, json_arguments, run_id=run_id)
    return run.wait()


def resume(host: Host | Services, run_id: int) -> RecipeRun:
    """Go on with a run that stopped before its end; its done steps are not done again.

    :raises Refused: if there is no such run, or nothing is left of it
    :raises UnknownRecipe: if its recipe can't be found any more
    """
    services = host if isinstance(host, Services) else host.services
    with services.store.session(read_only=True) as session:
        record = session.get(RecipeRecord, run_id)
    if record is None:
        raise Refused(f"there is no run {run_id} of a recipe")
    return find(record.name, record.source).launch(host, record.arguments, run_id=run_id)


def enqueue(services: Services, name: str, arguments: Mapping[str, Any]) -> int:
    """Write a run into the store, to be run later with :func:`resume`.

    :return: its number
    :raises UnknownRecipe: if there is no such recipe
    :raises BadArgument: naming the argument and what would do
    """
    return find(name).enqueue(services, arguments)
