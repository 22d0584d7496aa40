"""What ``pyros run`` does with a recipe: open the observatory, begin the night if need be, run it, close."""

from __future__ import annotations

import time
from typing import Any

import click

from pyros_kernel.lock import Held
from pyros_kernel.observatory import Observatory
from pyros_kernel.recipes import BadArgument, Needs, Recipe, RecipeRun, end_all
from pyros_kernel.recipes.cli import RecipeCommands
from pyros_kernel.recipes.errors import RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.settings import Settings

_LOOK_REAL_S = 0.2


def execute(context: click.Context, recipe: Recipe, arguments: dict[str, Any]) -> int:
    """Run a recipe as the options of ``pyros run`` say.

    :return: exit status: 0 done, 1 refused, failed, aborted or interrupted
    """
    assert context.parent is not None  # the group's, whose options these are
    options = context.parent.params
    settings: Settings = context.obj
    try:
        if options["rehearse"]:
            more = {key: options[key] for key in ("at", "speed") if options[key] is not None}
            timeline = recipe.rehearse(**arguments, **more)
            click.echo(str(timeline))
            return 0 if timeline.ok else 1
        return _run(settings, recipe, arguments, options)
    except BadArgument as error:
        raise click.UsageError(str(error), context) from None
    except (Held, Refused, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _run(settings: Settings, recipe: Recipe, arguments: dict[str, Any], options: dict[str, Any]) -> int:
    observatory = Observatory(
        settings.data, simulate=options["simulate"], start=options["at"], speed=options["speed"] or 1.0
    )
    with observatory as obs:
        recipe.read(arguments, obs.store)  # what is wrong with them is said before the dome moves
        if recipe.needs is Needs.SKY:
            obs.observe()
        try:
            started = recipe.launch(obs, arguments)
            _follow(started)
            click.echo(f"done: {started.wait(0)}")
        except (Refused, RecipeAborted, RecipeInterrupted) as stopped:
            click.echo(f"{recipe.name}: {stopped}", err=True)
            return 1
        finally:
            end_all(obs.services, "pyros run ends", resumable=True)
    return 0


def _follow(run: RecipeRun) -> None:
    """Write what a run says, until it ends; Ctrl-C aborts it."""
    shown = 0.0
    try:
        while True:
            ended = run.ended
            for at, text in run.log:
                if at > shown:
                    click.echo(f"{time.strftime('%H:%M:%S', time.gmtime(at))}  {text}")
                    shown = at
            if ended:
                return
            time.sleep(_LOOK_REAL_S)
    except KeyboardInterrupt:
        run.abort("interrupted by hand")
        raise


run = RecipeCommands(
    execute,
    name="run",
    help='Run a recipe: `pyros run observe --target "M 31" --exposure 30s`.',
    subcommand_metavar="RECIPE [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        click.Option(["--rehearse"], is_flag=True, help="Only rehearse it, and show its timeline; nothing real moves."),
        click.Option(["--simulate"], is_flag=True, help="With simulators of all devices."),
        click.Option(["--at"], help="Observatory time to begin with (ISO, UTC); only simulated or rehearsed."),
        click.Option(["--speed"], type=float, help="Observatory seconds per real second; only simulated or rehearsed."),
    ],
)
