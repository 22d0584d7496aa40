"""Run a whole simulated night from its notebook, without a browser, and say how it went."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click
import papermill
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from pyros_kernel.progress import Progress
from pyros_kernel.settings import ROOT, Settings

_LOOK_REAL_S = 0.3


def rehearse(notebook: Path, settings: Settings, night: str, speed: float) -> int:
    """Execute the night's notebook with papermill, on an accelerated clock.

    :param night: evening date, e.g. ``2022-09-29``
    :return: exit status: 0 if every cell ran
    """
    started = time.monotonic()
    parameters = {"night": night, "speed": speed, "data": str(settings.data)}
    error: PapermillExecutionError | None = None
    with tempfile.TemporaryDirectory(prefix="pyros-night-") as directory:
        executed = Path(directory) / "night.ipynb"
        with _Bar(settings.data):
            try:
                papermill.execute_notebook(
                    notebook, executed, parameters, kernel_name="python3", progress_bar=False, cwd=ROOT
                )
            except PapermillExecutionError as caught:
                error = caught
        kept = settings.data / night / "night.ipynb"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(executed, kept)
    if error is not None:
        click.echo(str(error), err=True)
        click.echo(f"the notebook as far as it ran: {kept}", err=True)
        return 1
    summary = json.loads((settings.data / night / "summary.json").read_text(encoding="utf-8"))
    for line in describe(summary):
        click.echo(line)
    click.echo(f"notebook  {kept}")
    click.echo(f"all in all {time.monotonic() - started:.0f} s")
    return 0


def describe(summary: dict[str, Any]) -> list[str]:
    """Tell a night's figures in lines: one per sequence, one per alert, and where things lie."""
    sequences = summary["sequences"]
    lines = [f"night {summary['night']} at {summary['site']}"]
    for sequence in sequences["all"]:
        start = sequence["start"] or ""
        lines.append(f"  {sequence['status']:<11} {start:<8.8} {sequence['name']:<34.34} {sequence['reason']}".rstrip())
    for rejected in sequences["rejected"]:
        lines.append(f"  {'rejected':<11} {'':<8} {rejected['name']:<34.34} {rejected['reason']}")
    for alert in summary["alerts"]:
        steps = ", ".join(f"{step.replace('_', ' ')} {ms:.1f} ms" for step, ms in alert["steps_ms"].items())
        lines.append(f"  alert {alert['ivorn']}: {alert['status']}; {steps}")
    lines.append(
        f"{sequences['placed']} placed, {sequences['executed']} executed, {len(sequences['rejected'])} rejected; "
        f"{summary['images']['total']} images; "
        f"{summary['simulated_s'] / 3600:.1f} h of night in {summary['real_s']:.0f} s"
    )
    done_by = ", ".join(f"{name} {times}" for name, times in summary["recipes"].items())
    lines += [f"recipes   {done_by}", f"report    {summary['report']}", f"images    {summary['images_path']}"]
    return lines


class _Bar:
    """A progress bar over the night, drawn from the progress file."""

    def __init__(self, data: Path) -> None:
        self._data, self._done = data, threading.Event()
        self._bar = tqdm(total=100, unit="%", desc="starting", bar_format="{l_bar}{bar}| {elapsed} {postfix}")
        self._thread = threading.Thread(target=self._follow, name="pyros-progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._bar.close()

    def _follow(self) -> None:
        since = time.time()  # of the file system: a file from before is another night's
        while not self._done.wait(_LOOK_REAL_S):
            progress = Progress.read(self._data)
            path = self._data / "progress.json"
            if progress is None or path.stat().st_mtime < since:
                continue
            self._bar.n = round(100 * progress.fraction)
            self._bar.set_description(progress.status)
            clock = time.strftime("%H:%M UTC", time.gmtime(progress.unix_s))
            self._bar.set_postfix_str(f"{clock}, {progress.executed} sequences, {progress.images} images")
