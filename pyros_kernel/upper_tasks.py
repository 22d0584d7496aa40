"""Tasks that speak to what lies above the tasks: agents and recipes.

Celery is told this module's name (as its ``imports`` are meant), so that :mod:`pyros_kernel.tasks` imports
nothing from above.
"""
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from pyros_kernel.tasks.application import app
from pyros_kernel.tasks.place import settings

RECIPES = "pyros.recipes"  # the group of entry points in which recipes are found by name


class UnknownRecipe(Exception):
    """There is no recipe of that name; says which there are."""


@app.task(name="system_pause", goes_to="system_q", rerun=True, time_limit=30)
def system_pause(reason: str = "by a task") -> str:
    """Tell the Majordome to interrupt what runs and hold."""
    from pyros_kernel.agents import Agent, AgentConfig, Sender
    from pyros_kernel.agents.majordome import Majordome

    config = AgentConfig.read(settings().agent_config)
    try:
        Sender.send_to(Agent.MAJORDOME, Majordome.MSG_PAUSE, {"reason": reason}, config=config)
    finally:
        Sender.close()  # the next pause may be days away
    return reason


@app.task(name="run_recipe", goes_to="recipe_q", grace_s=30.0)
def run_recipe(name: str, arguments: dict[str, Any] | None = None) -> Any:
    """Run a recipe by its name, with JSON arguments; gives what it gives."""
    found = {entry.name: entry for entry in entry_points(group=RECIPES)}
    if name not in found:
        raise UnknownRecipe(f"no recipe {name!r}; there are: {', '.join(sorted(found)) or 'none yet'}")
    return found[name].load()(**(arguments or {}))
