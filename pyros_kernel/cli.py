"""The command line: pyros …"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar

import click

from pyros_kernel.settings import ROOT, Settings

if TYPE_CHECKING:
    from pyros_kernel.agents import AgentConfig

NIGHT_NOTEBOOK = ROOT / "notebooks" / "night.ipynb"


class _Commands(click.Group):
    """Commands that rooms bring along are loaded when they are asked for: each would cost its imports otherwise."""

    brought: ClassVar[dict[str, str]] = {
        "broker": "pyros_kernel.alerts.cli:broker",
        "keys": "pyros_kernel.agents.cli:keys",
        "page": "pyros_kernel.commands.page:page",
        "replay": "pyros_kernel.alerts.cli:replay",
        "report": "pyros_kernel.commands.report:report",
        "run": "pyros_kernel.commands.recipe:run",
        "schedule": "pyros_kernel.scheduling.cli:schedule",
        "tasks": "pyros_kernel.tasks.cli:tasks",
        "workers": "pyros_kernel.tasks.cli:workers",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        return sorted([*super().list_commands(ctx), *self.brought])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self.brought:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.brought[cmd_name].partition(":")
        return getattr(import_module(module), name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pyros-observatory")
@click.option("--data", type=click.Path(path_type=Path), default=None, help="Data directory (PYROS_DATA, or ./data).")
@click.pass_context
def main(context: click.Context, data: Path | None) -> None:
    """Run a robotic telescope from Jupyter."""
    context.obj = Settings.from_environment(data)


@main.command()
@click.pass_obj
def setup(settings: Settings) -> None:
    """Make the first database and the PyROS kernel of JupyterLab, if they are not there."""
    from pyros_kernel.commands.lab import install_kernelspec
    from pyros_kernel.opening import first_fixtures
    from pyros_kernel.store import Store

    store = Store.open(settings.database_url)
    try:
        site = first_fixtures(store, ())
    finally:
        store.close()
    install_kernelspec()
    click.echo(f"ready: {site.name}, database {settings.database_url}")


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path, exists=True), default=NIGHT_NOTEBOOK)
@click.option("--no-browser", is_flag=True, help="Only serve; print the address.")
@click.option("--port", type=int, default=None, help="The first free one from 8888 if left out.")
@click.pass_obj
def lab(settings: Settings, notebook: Path, no_browser: bool, port: int | None) -> None:
    """Open JupyterLab on the night's notebook."""
    from pyros_kernel.commands.lab import run_lab

    os.environ["PYROS_DATA"] = str(settings.data)  # what a notebook's Observatory() takes
    run_lab(notebook, browser=not no_browser, port=port)


@main.command()
@click.option("--night", default="2022-09-29", show_default=True, help="Evening date of the night to simulate.")
@click.option("--speed", type=float, default=750.0, show_default=True, help="Observatory seconds per real second.")
@click.pass_obj
def night(settings: Settings, night: str, speed: float) -> None:
    """Run a whole simulated night: the night's notebook, without a browser."""
    from pyros_kernel.commands.night import rehearse

    sys.exit(rehearse(NIGHT_NOTEBOOK, settings, night, speed))


@main.command()
@click.option("--speed", type=float, default=1.0, show_default=True, help="Observatory seconds per real second.")
@click.option("--start", default=None, help="Observatory time to begin with (ISO, UTC); now if left out.")
@click.option("--night", default=None, help="Begin shortly before the sunset of this evening date instead.")
@click.option("--listen", default="127.0.0.1", show_default=True, help="This machine's address for the others.")
@click.option("--control-port", type=int, default=11110, show_default=True, help="For PYROS_SIMULATORS elsewhere.")
@click.pass_obj
def simulators(
    settings: Settings, speed: float, start: str | None, night: str | None, listen: str, control_port: int
) -> None:
    """Serve simulated instruments at the ports of the store's devices, until interrupted."""
    from pyros_kernel.clock import utc
    from pyros_kernel.opening import clock_for, first_fixtures
    from pyros_kernel.simulation import describe_devices, serve
    from pyros_kernel.store import Store

    try:
        begin = utc(start) if start else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--start") from None
    store = Store.open(settings.database_url)
    try:
        site, devices = first_fixtures(store, ()), describe_devices(store, free_ports=False)
    finally:
        store.close()
    devices["simulator"] = {"kind": "simulator", "port": control_port}
    clock = clock_for(site, night, begin, speed)
    serve(devices, site, clock, listen)


@main.group()
def agents() -> None:
    """Run the agents without a notebook, look at them, stop them."""


@agents.command("start")
@click.option("--simulate", is_flag=True, help="With simulators of all devices.")
@click.option("--observe", is_flag=True, help="Begin the night at once.")
@click.pass_obj
def agents_start(settings: Settings, simulate: bool, observe: bool) -> None:
    """Run all agents in the foreground, until interrupted or told to stop."""
    from pyros_kernel.commands.headless import run

    sys.exit(run(settings, simulate=simulate, observe=observe))


@agents.command("status")
@click.pass_obj
def agents_status(settings: Settings) -> None:
    """Show every agent: state, last message, errors."""
    from pyros_kernel.agents import network

    rows = network.status(_agent_config(settings))
    for row in rows:
        last = row.get("last_message") or "-"
        click.echo(
            f"{row['name']:<14} {row['state']:<9} {row['address']:<22} {last:<22} errors {row.get('errors', '-')}"
        )
    sys.exit(0 if any(row["state"] != "stopped" for row in rows) else 1)


@agents.command("stop")
@click.pass_obj
def agents_stop(settings: Settings) -> None:
    """Tell every agent to end; the Majordome parks and closes first."""
    from pyros_kernel.agents import network

    outcome = network.shutdown_all(_agent_config(settings), timeout_s=120.0)
    for name, what in outcome.items():
        click.echo(f"{name:<14} {what}")
    sys.exit(0 if all(what in ("stopped", "was not running") for what in outcome.values()) else 1)


@main.command()
@click.argument("selectors", nargs=-1, required=True)
@click.option("--indent", type=click.IntRange(0, 8), default=None, help="Spaces of indentation.")
@click.pass_obj
def dumpdata(settings: Settings, selectors: tuple[str, ...], indent: int | None) -> None:
    """Write objects as JSON: groups of models (common, auth, history) or single ones (auth.User)."""
    from pyros_kernel.store import FixtureError, Store, dump

    store = Store.open(settings.database_url)
    try:
        click.echo(dump(store, selectors, indent=indent))
    except FixtureError as error:
        raise click.ClickException(str(error)) from None
    finally:
        store.close()


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def loaddata(settings: Settings, file: Path) -> None:
    """Load objects from a JSON file: all of it or nothing."""
    from pyros_kernel.opening import fixture_path
    from pyros_kernel.recipes import why_unusable
    from pyros_kernel.store import FixtureError, Store, load

    store = Store.open(settings.database_url)
    try:
        click.echo(f"{load(store, fixture_path(file), why_unusable)} objects loaded")
    except (FixtureError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        store.close()


@main.command(context_settings={"help_option_names": ["--help"]})  # -h is the host, as with comet-sendvo
@click.option("-f", "--file", type=click.File("rb"), default="-", help="The packet; standard input if left out.")
@click.option("-h", "--host", default="localhost", show_default=True)
@click.option("-p", "--port", type=int, default=8098, show_default=True)
def sendvo(file: IO[bytes], host: str, port: int) -> None:
    """Send a VOEvent to a broker's author port; exit status 1 if it was refused."""
    from pyros_kernel.alerts import NotDelivered, send

    try:
        answer = send(file.read(), host, port)
    except NotDelivered as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{'acknowledged' if answer.ack else 'refused'}: {answer.text}"
        if answer.text
        else ("acknowledged" if answer.ack else "refused")
    )
    sys.exit(0 if answer.ack else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--instruments", is_flag=True, help="Connect to each instrument instead; nothing is moved.")
@click.pass_obj
def doctor(settings: Settings, as_json: bool, instruments: bool) -> None:
    """Check every prerequisite, and say what mends what is wrong."""
    from pyros_kernel.doctor import examine
    from pyros_kernel.doctor.instruments import examine_instruments

    findings = examine_instruments(settings) if instruments else examine(settings)
    if as_json:
        click.echo(
            json.dumps([{"name": f.name, "ok": f.ok, "what": f.what, "mend": f.mend} for f in findings], indent=2)
        )
    else:
        for finding in findings:
            mark = {True: "✓", False: "✗", None: "?"}[finding.ok]
            click.echo(f"{mark} {finding.name:<18} {finding.what}")
            if finding.mend and finding.ok is not True:
                click.echo(f"    → {finding.mend}")
    sys.exit(0 if all(f.ok is not False for f in findings) else 1)


def _agent_config(settings: Settings) -> AgentConfig:
    from pyros_kernel.agents import AgentConfig

    path = settings.agent_config
    return AgentConfig.read(path) if path.is_file() else AgentConfig.default()


if __name__ == "__main__":
    main()
