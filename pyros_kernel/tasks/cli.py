"""``pyros workers`` and ``pyros tasks``: the workers of this machine, and what they do."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click
from tqdm import tqdm

from pyros_kernel.settings import Settings

_LOOK_REAL_S = 0.2


class _Bar(tqdm):  # pyright: ignore[reportUntypedBaseClass]
    """A bar without tqdm's thread, which watches bars that stand still."""

    monitor_interval = 0


@click.command("workers")
@click.option("--queues", default="", help="Comma-separated; all if left out.")
@click.pass_obj
def workers(settings: Settings, queues: str) -> None:
    """Run the workers of this machine in the foreground, until interrupted."""
    os.environ["PYROS_DATA"] = str(settings.data)
    os.environ["PYROS_DATABASE_URL"] = settings.database_url
    command = [sys.executable, "-m", "pyros_kernel.tasks.host", *([f"--queues={queues}"] if queues else [])]
    os.execv(command[0], command)


@click.group("tasks")
@click.pass_obj
def tasks(settings: Settings) -> None:
    """List, follow and revoke tasks."""
    from pyros_kernel.tasks.application import app

    app.use(settings)


@tasks.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that ended too.")
@click.option("-n", "--number", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
def list_tasks(everything: bool, number: int) -> None:
    """List the tasks that wait or run, oldest first."""
    from pyros_kernel.tasks import ledger

    states = () if everything else (*ledger.RUNNING, *ledger.WAITING)
    for row in ledger.choose(*states, limit=number):
        when = f"{row.ended or row.started or row.due:%Y-%m-%d %H:%M:%S}"
        what = f"{row.name}({row.arguments})"
        click.echo(f"{row.uuid:<36} {row.state:<8} {when} {row.queue:<16} {what}{_more(row)}")


@tasks.command()
@click.argument("uuid")
def follow(uuid: str) -> None:
    """Show a task's progress until it ends; exit status 1 unless it succeeds."""
    from pyros_kernel.tasks import ledger

    with _Bar(bar_format="{desc} {percentage:3.0f}%|{bar:30}| {elapsed}", total=1.0, disable=None) as bar:
        while True:
            row = ledger.read(uuid)
            if row is None:
                raise click.ClickException(f"there is no task {uuid}: see `pyros tasks list --all`")
            bar.set_description_str(f"{row.name} {row.state}", refresh=False)
            bar.n = _fraction(row.progress, row.state)
            bar.refresh()
            if row.state in ledger.FINAL:
                break
            time.sleep(_LOOK_REAL_S)
    click.echo(f"{row.name}({row.arguments}): {row.state}{_more(row)}")
    if row.state == "SUCCESS":
        click.echo(f"{row.result}")
    sys.exit(0 if row.state == "SUCCESS" else 1)


@tasks.command()
@click.argument("uuids", nargs=-1, required=True)
@click.option("--terminate", is_flag=True, help="Even if it runs.")
def revoke(uuids: tuple[str, ...], terminate: bool) -> None:
    """Take tasks back; exit status 1 if one goes on or is unknown."""
    from pyros_kernel.tasks import ledger
    from pyros_kernel.tasks.application import app

    outcomes = app.control.revoke(list(uuids), terminate=terminate, reason="revoked by hand")
    for uuid, outcome in outcomes.items():
        click.echo(f"{uuid}: {outcome.value}")
    sys.exit(0 if not {ledger.Revoked.RUNS, ledger.Revoked.UNKNOWN} & set(outcomes.values()) else 1)


def _more(row: Any) -> str:
    words = [f"{row.progress.get('done')}/{row.progress.get('total')}"] if "total" in row.progress else []
    words += [row.reason] if row.reason else []
    return "".join(f", {word}" for word in words)


def _fraction(progress: dict[str, Any], state: str) -> float:
    if state == "SUCCESS":
        return 1.0
    done, total = progress.get("done"), progress.get("total")
    return min(1.0, float(done) / float(total)) if done is not None and total else 0.0
