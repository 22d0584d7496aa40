"""Recipes: typed functions that observe in named steps, and the handle of one that runs."""

from pyros_kernel.recipes.asked import why_unusable
from pyros_kernel.recipes.by_name import enqueue, resume, run_by_name
from pyros_kernel.recipes.errors import BadArgument, RecipeAborted, RecipeInterrupted, Refused, UnknownRecipe
from pyros_kernel.recipes.host import Host
from pyros_kernel.recipes.ledger import unfinished
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import Recipe
from pyros_kernel.recipes.registry import find, recipe, recipes
from pyros_kernel.recipes.run import RecipeRun, end_all, running
from pyros_kernel.recipes.standard import (
    autofocus,
    expose,
    follow_alert,
    mosaic,
    observe,
    observe_sequence,
    pointing_run,
    take_bias,
    take_darks,
    take_flats,
    take_lamp_flats,
    time_series,
)
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target, find_target

__all__ = [
    "BadArgument",
    "Host",
    "Needs",
    "Recipe",
    "RecipeAborted",
    "RecipeInterrupted",
    "RecipeRun",
    "Refused",
    "Steps",
    "Target",
    "UnknownRecipe",
    "autofocus",
    "end_all",
    "enqueue",
    "expose",
    "find",
    "find_target",
    "follow_alert",
    "mosaic",
    "observe",
    "observe_sequence",
    "pointing_run",
    "recipe",
    "recipes",
    "resume",
    "run_by_name",
    "running",
    "take_bias",
    "take_darks",
    "take_flats",
    "take_lamp_flats",
    "time_series",
    "unfinished",
    "why_unusable",
]
