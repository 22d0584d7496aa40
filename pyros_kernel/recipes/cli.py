"""``pyros run``: a command for each recipe, its options made from its signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pyros_kernel.recipes.errors import UnknownRecipe
from pyros_kernel.recipes.parameters import Field
from pyros_kernel.recipes.recipe import Recipe
from pyros_kernel.recipes.registry import find, recipes

Runner = Callable[[click.Context, Recipe, dict[str, Any]], int]
"""Runs a recipe with the arguments that were given (text), and gives the exit status."""


class RecipeCommands(click.Group):
    """The recipes as commands; one of your own is given as ``module:name`` or ``file.py:name``.

    :param runner: runs the one that was chosen
    """

    def __init__(self, runner: Runner, **settings: Any) -> None:
        super().__init__(**settings)
        self._runner = runner

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the recipes that are known."""
        return list(recipes())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a recipe.

        :raises click.UsageError: if it can't be found, saying which there are
        """
        try:
            return command_of(find(cmd_name), self._runner)
        except UnknownRecipe as error:
            raise click.UsageError(str(error), ctx) from None


def command_of(recipe: Recipe, runner: Runner) -> click.Command:
    """Make the command of a recipe."""

    @click.pass_context
    def run(context: click.Context, **given: Any) -> None:
        arguments = {name: value for name, value in given.items() if value is not None}
        context.exit(runner(context, recipe, arguments))

    return click.Command(
        recipe.name,
        callback=run,
        params=[_option(field) for field in recipe.fields],
        help=(recipe.__doc__ or "").partition(":param")[0].strip(),
        short_help=recipe.summary,
    )


def _option(field: Field) -> click.Option:
    words, default = [field.help] if field.help else [], list[str]()
    if field.kind == "quantity":
        words.append(f"with its unit, like {field.unit}")
    if field.kind == "texts":
        words.append("with commas between them")
    if field.default is not None:
        shown = ",".join(field.default) if isinstance(field.default, list) else field.default
        default = [f"[default: {shown}]"]
    flag, help_ = field.name.replace("_", "-"), " ".join(["; ".join(words), *default])
    if field.kind == "flag":
        return click.Option(
            [f"--{flag}/--no-{flag}", field.name], default=None, required=field.required, help=help_
        )  # neither: the recipe's own default
    if field.kind == "choice":
        kind = click.Choice(field.choices, case_sensitive=False)
        return click.Option([f"--{flag}", field.name], type=kind, required=field.required, help=help_)
    metavar = field.kind.upper()
    return click.Option([f"--{flag}", field.name], type=str, required=field.required, metavar=metavar, help=help_)
