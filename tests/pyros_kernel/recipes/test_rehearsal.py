"""Rehearsals and the command line: real processes, nothing of the real observatory touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import click
import pytest
from astropy import units as u
from click.testing import CliRunner

from pyros_kernel import Observatory
from pyros_kernel.commands.recipe import run as pyros_run
from pyros_kernel.recipes import (
    BadArgument,
    Needs,
    Recipe,
    Refused,
    Steps,
    observe,
    observe_sequence,
    recipe,
    take_bias,
)
from pyros_kernel.recipes.carry import as_file
from pyros_kernel.recipes.cli import RecipeCommands, command_of
from pyros_kernel.recipes.obstacles import obstacles
from pyros_kernel.settings import ROOT, Settings
from pyros_kernel.store import PlanStatus, Sequence, SequenceStatus, load

OFFSET = 2 * u.s


def test_a_rehearsal_gives_the_timeline_and_every_refusal(fresh: Observatory) -> None:
    before = fresh.summary()["images"]["total"]
    asked = {"target": "Sirius", "exposure": "30 s", "vis_filter": "Q", "focus": "never", "centre": False}
    found = observe.rehearse(fresh, **asked, speed=300)
    assert [s.name for s in found.steps if s.status == "refused"] == ["slew to Sirius", "VIS: frame 1"]
    assert len(found.refusals) == 2 and not found.ok
    assert "altitude" in found.refusals[0] and "no filter 'Q'" in found.refusals[1]
    (done,) = [s for s in found.steps if s.status == "done" and s.name != "begin"]
    assert done.name == "NIR: frame 1" and done.duration_s >= 30 and done.start_s >= 0
    assert "NIR: frame 1" in str(found) and "<table>" in found._repr_html_()
    assert fresh.summary()["images"]["total"] == before, "the real observatory took nothing"
    assert found.now == ("the night is closed, and the dome is not opened",) and found.now[0] in str(found)
    with pytest.raises(BadArgument, match="no target"):
        observe.rehearse(fresh, target="Nowhere")


def test_a_sequence_is_rehearsed_by_its_recipe_and_what_stands_in_the_way_now_is_told(fresh: Observatory) -> None:
    load(fresh.store, ROOT / "fixtures" / "night_2022-09-29.json")
    with fresh.store.session() as session:
        m31 = session.get_one(Sequence, 1007)
        for album in m31.albums:
            for plan in album.plans:
                plan.exposure_time_s = 20.0
                plan.become(PlanStatus.EXECUTING)
                plan.become(PlanStatus.EXECUTED)
    fresh.services.devices.members["focuser"].error = "it was taken away"
    now = obstacles(fresh, fresh.services, Needs.SKY)
    assert now == ["missing device: focuser, it was taken away", "the night is closed, and the dome is not opened"]
    found = observe_sequence.rehearse(fresh, sequence=1007, speed=300)
    assert found.ok, str(found)
    done = [step.name for step in found.steps if step.status == "done"]
    assert {f"tile {n}: {channel}: frame" for n in (1, 2, 3, 4) for channel in ("VIS", "NIR")} <= set(done)
    assert found.result["status"] == "executed"
    with fresh.store.session(read_only=True) as session:
        assert session.get_one(Sequence, 1007).status is SequenceStatus.OBSERVABLE, "the real one waits"


def test_a_recipe_of_a_notebook_is_taken_along() -> None:
    space = {"__name__": "__main__", "OFFSET": OFFSET, "u": u, "recipe": recipe, "Annotated": Annotated, "Steps": Steps}
    source = (
        "def longer(x):\n    return x + OFFSET\n\n"
        "@recipe(needs='nothing')\n"
        "def nap(steps: Steps, time: Annotated[u.Quantity, u.s]):\n"
        "    '''Sleep.'''\n"
        "    steps.step('nap', lambda: steps.sleep(longer(time)))\n"
    )
    nap = in_a_notebook(source, space, "nap")
    assert nap.source == ""
    found = nap.rehearse(time="500 s", speed=500)
    assert found.ok, str(found)
    assert [s.name for s in found.steps] == ["nap"] and found.steps[0].duration_s >= 502
    cell = "@recipe\ndef bad(steps: Steps):\n    return HANDLE.read()\n"
    with Path(__file__).open() as handle:
        bad = in_a_notebook(cell, {**space, "HANDLE": handle}, "bad")
        with pytest.raises(Refused, match="uses HANDLE, which can't be taken"):
            as_file("bad", bad.function)


def in_a_notebook(source: str, space: dict[str, object], name: str) -> Recipe:
    """Do with source what a notebook's cell does: compiled under a name that only linecache knows."""
    import linecache

    file = f"<ipython-input-{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), space)
    made = space[name]
    assert isinstance(made, Recipe)
    return made


def test_options_come_from_the_signature() -> None:
    given: list[tuple[str, dict[str, object]]] = []

    def runner(_context: click.Context, chosen: Recipe, arguments: dict[str, object]) -> int:
        given.append((chosen.name, arguments))
        return 0

    group = RecipeCommands(runner, name="run")
    told = CliRunner().invoke(group, ["observe", "--target", "M31", "--exposure", "30s", "--vis-filter", "g"])
    assert told.exit_code == 0, told.output
    assert given == [("observe", {"target": "M31", "exposure": "30s", "vis_filter": "g"})]
    assert "Missing option '--target'" in CliRunner().invoke(group, ["observe"]).output
    unknown = CliRunner().invoke(group, ["obsrve"])
    assert unknown.exit_code == 2 and "no recipe 'obsrve'; there are" in unknown.output
    shown = " ".join(CliRunner().invoke(command_of(observe, runner), ["--help"]).output.split())
    assert "--exposure" in shown and "[default: 30.0 s]" in shown and "frames per channel" in shown
    assert "take_darks" in CliRunner().invoke(group, ["--help"]).output


def test_the_command_line_runs_a_recipe_to_its_end(tmp_path: Path) -> None:
    words = ["--simulate", "--at", "2022-09-30T08:00:00", "--speed", "300", "take_bias", "--count", "2"]
    done = CliRunner().invoke(pyros_run, words, obj=Settings.from_environment(tmp_path))
    assert done.exit_code == 0, done.output
    assert "done: {'masters'" in done.output
    assert len(list(tmp_path.glob("2022-09-29/images/*bias*.fits"))) == 4
    refused = CliRunner().invoke(pyros_run, [*words, "--channels", "UV"], obj=Settings.from_environment(tmp_path))
    assert refused.exit_code == 1 and "there is no channel UV" in refused.output


def test_the_command_line_says_what_is_wrong_before_the_dome_moves(tmp_path: Path) -> None:
    settings = Settings.from_environment(tmp_path)
    words = ["--simulate", "--speed", "100", "observe", "--target", "M31", "--exposure", "30"]
    wrong = CliRunner().invoke(pyros_run, words, obj=settings)
    assert wrong.exit_code == 2 and "has no unit" in wrong.output


def test_a_form_is_plain() -> None:
    assert json.loads(json.dumps(take_bias.form()))[0] == {
        "name": "count", "kind": "integer", "help": "frames per camera", "unit": "", "required": False,
        "optional": False, "default": 5, "choices": [],
    }  # fmt: skip
