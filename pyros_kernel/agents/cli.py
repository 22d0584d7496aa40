"""The command line of the agents' key: ``pyros keys``."""

from __future__ import annotations

import click

from pyros_kernel.agents.keys import FILE_NAME, Keys
from pyros_kernel.settings import Settings


@click.command()
@click.option("--new", is_flag=True, help="Replace the key: every machine needs the new one then.")
@click.pass_obj
def keys(settings: Settings, new: bool) -> None:
    """Make the key that the agents need to be reached over the network."""
    path = settings.agent_config.with_name(FILE_NAME)
    if new:
        path.unlink(missing_ok=True)
    try:
        Keys.make().write(path)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; `pyros keys --new` replaces it") from None
    click.echo(f"{path}: copy it next to the agents' ini file on each machine (scp -p); who has it commands the agents")
