"""A recipe clicked together in a real JupyterLab, over a simulated observatory: filled in, queued, started, steered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import contrast, sticking_out

CELLS = (
    """\
from pyros_kernel import Observatory
from pyros_kernel.recipes import take_darks

obs = Observatory("form", start="2022-09-30T08:00", speed=50)
obs.start()""",
    "form = take_darks.panel(obs)\nform",
)
HERE = ".jp-NotebookPanel:not(.lm-mod-hidden)"
REASON = "clouds from the west"


@pytest.fixture
def form(lab: Any, page: Any, notebook: Any) -> Iterator[Any]:
    """The form of a recipe, in a notebook of its own in front."""
    lab.open(notebook("form.ipynb", *CELLS))
    lab.run_all()
    yield page.locator(f"{HERE} .pyros-single").filter(has=page.locator(".pyros-recipe-form"))
    lab.execute("obs.stop(); obs.check(); form.close()")


def test_a_recipe_is_filled_in_started_paused_resumed_and_aborted(
    lab: Any, page: Any, form: Any, pictures: Path
) -> None:
    expect(form.get_by_role("region", name="Recipe take_darks")).to_contain_text("Take darks with each camera")
    form.get_by_label("exposure", exact=True).fill("20")
    form.get_by_label("count", exact=True).fill("60")
    form.get_by_label("channels", exact=True).fill("VIS")
    form.get_by_role("button", name="Queue").click()
    expect(form.get_by_role("alert")).to_contain_text("has no unit")
    form.get_by_label("exposure", exact=True).fill("20 s")
    form.get_by_role("button", name="Queue").click()
    expect(form.locator(".pyros-recipe-form").get_by_role("status")).to_contain_text(re.compile(r"run \d+ waits"))
    expect(form.get_by_role("alert")).to_have_count(0)

    form.get_by_role("button", name="Start").click()
    run = form.locator(".pyros-run")
    status = run.get_by_role("status")
    expect(status).to_contain_text("running")
    expect(run.get_by_role("button", name="Resume")).to_be_disabled()
    lab.until("print(form.run.progress > 0.03)", "True")
    expect(status).to_contain_text(re.compile(r"[1-9]\d*% · .* left"))
    expect(run.get_by_role("progressbar")).to_be_visible()
    form.screenshot(path=pictures / "recipe-form.png")
    for theme in ("Dark", "Dark High Contrast", "Light"):
        lab.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
        page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {theme}")
        assert contrast(page, f"{HERE} .pyros-recipe-form")[1] == [], theme
        assert contrast(page, f"{HERE} .pyros-run")[1] == [], theme
    assert sticking_out(page, f"{HERE} .pyros-single") == []

    run.get_by_label("Reason").fill("a look at the sky")
    run.get_by_role("button", name="Pause").click()
    expect(status).to_contain_text("paused")
    expect(run.get_by_role("log")).to_contain_text("to pause before the next step: a look at the sky")
    lab.until("print([step.name for step in form.run.steps if step.status == 'running'])", "[]")
    stands = lab.execute("print(form.run.progress)")
    page.wait_for_timeout(1000)  # two exposures and more
    assert lab.execute("print(form.run.progress)") == stands
    run.get_by_role("button", name="Resume").click()
    expect(status).to_contain_text("running")
    lab.until(f"print(form.run.progress > {stands})", "True")

    run.get_by_label("Reason").fill(REASON)
    run.get_by_role("button", name="Abort").click()
    expect(status).to_contain_text("aborted")
    expect(run).to_contain_text(REASON)
    for name in ("Pause", "Resume", "Abort"):
        expect(run.get_by_role("button", name=name)).to_be_disabled()
    assert REASON in lab.execute("print(form.run.reason, form.errors)")
