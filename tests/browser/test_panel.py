"""The night panel in a real JupyterLab, over a made-up observatory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import contrast, sticking_out

COUNT = (
    "import threading\nfrom widgets.refresher import refresher\n"
    "print(len(refresher.panels), sum(t.name == 'pyros-refresher' for t in threading.enumerate()))"
)


def test_every_part_shows_and_has_its_role(night: Any, page: Any) -> None:
    panel = page.locator(".pyros-panel")
    for region in ("Safety", "Now", "Telescope", "Dome", "Sky", "Alerts", "Agents", "Devices", "Sequences", "Log"):
        expect(panel.get_by_role("region", name=region, exact=True)).to_be_visible()
    expect(panel.get_by_role("status")).to_have_text("observing")
    expect(panel.get_by_role("log")).to_contain_text("plan 3 of 12")
    expect(panel.get_by_role("button", name="Pause")).to_be_enabled()
    expect(panel.get_by_role("button", name="Resume")).to_be_disabled()
    expect(panel.get_by_role("button", name="Resume")).to_have_attribute("title", "Nothing is paused")
    expect(panel.locator(".pyros-svg .slot")).to_have_count(7)
    expect(panel.locator(".pyros-chart .legend")).to_contain_text("interrupted")
    expect(panel.get_by_role("region", name="Now", exact=True)).to_contain_text("GRB 261123A")
    expect(panel.locator(".pyros-svg .curve.alert title")).to_contain_text("GRB 261123A (GRB): alert, executing")
    assert page.evaluate("() => [...document.querySelectorAll('img.pyros-image')].map(i => i.naturalWidth)") == [
        256,
        256,
    ]


def test_updates_arrive_from_a_thread_while_a_cell_blocks(night: Any, page: Any) -> None:
    clock = page.locator(".pyros-panel .clock")
    before = clock.inner_text()
    page.evaluate(
        """() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code:
        "import threading, time\\n"
        + "threading.Timer(0.5, lambda: o.in_state('paused', 'clouds came')).start()\\n"
        + "time.sleep(3)"}); }"""
    )
    expect(page.locator(".pyros-panel header .why")).to_have_text("clouds came", timeout=2900)
    expect(clock).not_to_have_text(before, timeout=2400)
    night.wait_idle()


def test_a_click_reaches_the_kernel_and_shows_at_once(night: Any, page: Any) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".pyros-panel").get_by_role("status")).to_have_text("paused")
    assert night.execute("print(o.commands)") == "[('pause', 'by hand, in the panel')]"
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".pyros-panel").get_by_role("status")).to_have_text("observing")


def test_a_refusal_shows_in_the_panel_and_can_be_dismissed(night: Any, page: Any) -> None:
    night.execute("o.refusal = RuntimeError('held by <b>Ada</b>')")
    page.get_by_role("button", name="Abort").click()
    expect(page.get_by_role("alert").filter(has_text="Abort: held by <b>Ada</b>")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".pyros-errors")).to_be_hidden()


def test_run_all_twice_makes_one_panel_and_one_refresher(night: Any, page: Any) -> None:
    night.run_all()
    night.run_all()
    expect(page.locator(".pyros-panel .slot")).to_have_count(7)
    assert night.execute(COUNT) == "1 1"


@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_every_text_can_be_read_in_each_theme(night: Any, page: Any, pictures: Path, theme: str) -> None:
    night.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {theme}")
    page.wait_for_function("() => document.querySelector('.pyros-panel .slot') !== null")
    seen, poor = contrast(page, ".pyros-panel")
    assert seen > 150
    assert poor == []
    if theme != "Dark High Contrast":
        page.locator(".pyros-panel").first.screenshot(path=pictures / f"panel-{theme.lower()}.png")
    night.command("apputils:change-theme", {"theme": "JupyterLab Light"})


def test_nothing_sticks_out_at_500_pixels(night: Any, page: Any, pictures: Path) -> None:
    page.set_viewport_size({"width": 660, "height": 4200})  # a picture shows what is in view
    night.command("application:toggle-left-area")
    page.evaluate("() => { document.querySelector('.pyros-panel').style.width = '500px'; }")
    wide = sticking_out(page, ".pyros-panel")
    page.locator(".pyros-panel").first.screenshot(path=pictures / "panel-narrow.png")
    page.evaluate("() => { document.querySelector('.pyros-panel').style.width = ''; }")
    night.command("application:toggle-left-area")
    assert wide == []


def test_a_saved_notebook_shows_the_living_panel_after_a_reload(night: Any, page: Any) -> None:
    night.command("docmanager:save")
    page.reload(wait_until="domcontentloaded")
    night.ready()
    expect(page.locator(".pyros-panel .slot")).to_have_count(7)
    night.execute("o.in_state('paused', 'after the reload')")
    expect(page.locator(".pyros-panel header .why")).to_have_text("after the reload")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".pyros-panel").get_by_role("status")).to_have_text("observing")


def test_the_launcher_offers_pyros(lab: Any, page: Any, pictures: Path) -> None:
    lab.command("launcher:create")
    card = page.locator('.jp-LauncherCard[data-category="Notebook"]').filter(has_text="PyROS")
    expect(card).to_be_visible()
    assert card.locator("img").evaluate("async i => { await i.decode(); return i.naturalWidth; }") > 0
    page.set_viewport_size({"width": 1200, "height": 560})
    page.screenshot(path=pictures / "launcher.png")
    page.set_viewport_size({"width": 1500, "height": 1800})
    lab.command("application:close")


def test_obs_is_there_without_an_import(night: Any) -> None:
    assert re.fullmatch(r"Observatory False", night.execute("print(type(obs).__name__, obs.running)"))


def test_one_panel_in_two_places(lab: Any, page: Any, notebook: Any) -> None:
    page.set_viewport_size({"width": 1500, "height": 8000})  # Lab renders only what is in view
    lab.open(
        notebook(
            "twice.ipynb",
            "from stand_in import StandIn\nfrom widgets import NightPanel",
            "o = StandIn()\np = NightPanel(o)\np",
            "p",
        )
    )
    lab.run_all()
    page.evaluate(
        """async () => { const { content } = window.jupyterapp.shell.currentWidget;
        for (let i = 0; i < content.widgets.length; i++) await content.scrollToItem(i, 'start'); }"""
    )
    reasons = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pyros-panel header .why")
    expect(reasons).to_have_count(2)
    lab.execute("o.in_state('paused', 'in both')")
    expect(reasons).to_have_text(["in both", "in both"])
    page.set_viewport_size({"width": 1500, "height": 1800})


def test_a_panel_whose_kernel_is_gone_says_so(lab: Any, page: Any, notebook: Any) -> None:
    lab.open(
        notebook("gone.ipynb", "from stand_in import StandIn\nfrom widgets import NightPanel\nNightPanel(StandIn())")
    )
    lab.run_all()
    mark = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pyros-pulse span")
    expect(mark).to_be_hidden()
    page.wait_for_timeout(4500)
    expect(mark).to_be_hidden()
    lab.shutdown()
    expect(mark).to_be_visible(timeout=8000)
    expect(mark).to_have_text("NO UPDATES")


def test_nothing_was_asked_of_any_other_machine(lab: Any, page: Any) -> None:
    assert page.strays == []
    assert page.failures == []
