"""The notebooks: the night's run whole by `pyros night`, and each under nbval in a directory of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from astropy.io import fits

from pyros_kernel.settings import ROOT

NIGHT = ROOT / "notebooks" / "night.ipynb"
RECIPES = {"observe", "autofocus", "take_bias", "take_darks", "take_flats"}
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def run(*command: str, data: Path, timeout_s: float, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYROS_DATA": str(data), "JUPYTER_PLATFORM_DIRS": "1", **variables}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s
    )


@pytest.mark.night
@pytest.mark.timeout(600)
def test_a_whole_night_from_one_command_and_once_more_under_nbval(tmp_path: Path) -> None:
    done = run("pyros_kernel.cli", "night", data=tmp_path, timeout_s=280)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path / "2022-09-29"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["simulated_s"] > 10 * 3600
    assert summary["sequences"]["executed"] >= 10
    # What a night has time for besides depends on the machine; each of the others by the night itself is in
    # test_by_recipe (mosaic, time_series, pointing_run) and test_alerts_at_night (follow_alert).
    assert set(summary["recipes"]) >= RECIPES, summary["recipes"]
    assert all(rejected["reason"] for rejected in summary["sequences"]["rejected"])
    (alert,) = summary["alerts"]
    assert alert["status"] == "observed"
    steps = alert["steps_ms"]
    order = [steps[step] for step in ("stored", "acknowledged", "decided", "interrupted", "slew_sent")]
    assert order == sorted(order)
    images = list((folder / "images").glob("*.fits"))
    assert len(images) == summary["images"]["total"]
    followed = [h for h in map(fits.getheader, images) if h.get("PROGRAM") == "GRB follow-up"]
    assert len(followed) == 12
    assert all(abs(h["SIM_RA"] - 64.7373) < 0.01 and abs(h["SIM_DEC"] - 13.3517) < 0.01 for h in followed)
    report = (folder / "report.html").read_text()
    assert "1125809" in report
    executed = nbformat.read(folder / "night.ipynb", as_version=4)
    assert all(cell.get("execution_count") for cell in executed.cells if cell.cell_type == "code")
    # Each cell is linked to what it caused: the night to its sequences and images, the burst's to its alert.
    numbers = {cell.execution_count: cell.source for cell in executed.cells if cell.cell_type == "code"}
    caused = dict(re.findall(r'<h3>\[(\d+)\]</h3>(.*?)</ul>', report, re.S))
    [night] = [n for n, source in numbers.items() if "obs.observe()" in source]
    [burst] = [n for n, source in numbers.items() if "alerts.replay" in source]
    assert set(caused) == {str(night), str(burst)}
    assert f"{len(images)} images" in caused[str(night)] and 'href="#sequences"' in caused[str(night)]
    assert f'href="#alert-{alert["ivorn"]}"' in caused[str(burst)] and f'id="alert-{alert["ivorn"]}"' in report
    assert "12 images" in caused[str(burst)] and "executed" in caused[str(burst)]
    shown = "".join(str(output) for cell in executed.cells for output in cell.get("outputs", []))
    assert f"[{night}] run = obs.observe()" in shown
    for said in (*(s["name"] for s in summary["sequences"]["all"]), alert["ivorn"], "report", "images", "notebook"):
        assert said in done.stdout
    assert list(tmp_path.rglob("*.part")) == []
    under_nbval(NIGHT, tmp_path, times=1)


@pytest.mark.night
@pytest.mark.timeout(600)
@pytest.mark.parametrize("notebook", [n for n in NOTEBOOKS if n != NIGHT], ids=lambda path: path.stem)
def test_it_runs_under_nbval_twice_with_the_same_result(notebook: Path, tmp_path: Path) -> None:
    under_nbval(notebook, tmp_path, times=2)


def under_nbval(notebook: Path, data: Path, times: int) -> None:
    """Run a notebook in so many kernels, one after the other, each over the data of the one before."""
    done = run(
        # Of the plugins nbval alone: they all would be imported for each notebook.
        *("pytest", "-p", "nbval.plugin", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=240"),
        *("-p", "no:cacheprovider", "-q", "-c", os.devnull, "--rootdir", str(ROOT)),
        *("--keep-duplicates", *[str(notebook)] * times),
        data=data,
        timeout_s=280 * times,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    cells = sum(cell.cell_type == "code" for cell in nbformat.read(notebook, as_version=4).cells)
    assert f"{times * cells} passed" in done.stdout


def test_notebooks_keep_no_output_but_the_text_that_nbval_compares() -> None:
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert "widgets" not in notebook.metadata, path.name
        for cell in (c for c in notebook.cells if c.cell_type == "code"):
            compared = "NBVAL_CHECK_OUTPUT" in cell.source
            # nbval compares nothing in a cell that was never executed.
            assert compared == bool(cell.outputs) == (cell.execution_count is not None), f"{path.name}: {cell.source}"
            for output in cell.outputs:
                assert output.output_type in ("stream", "execute_result"), path.name
                assert set(output.get("data", {})) <= {"text/plain"}, path.name
        if any("Observatory(" in cell.source for cell in notebook.cells if cell.cell_type == "code"):
            assert "obs.check()" in notebook.cells[-1].source, path.name
