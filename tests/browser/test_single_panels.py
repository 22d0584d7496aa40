"""Panels that show one thing, in a real JupyterLab, over a made-up observatory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
KINDS = ("Telescope", "Camera", "Weather", "Schedule", "Alerts", "Agents", "Safety", "Devices", "Log", "Sky")
CELLS = (
    "import widgets\nfrom stand_in import StandIn\no = globals().get('o') or StandIn(speed=1)",
    *(f"widgets.{kind}Panel(o)" for kind in KINDS),
)
HERE = ".jp-NotebookPanel:not(.lm-mod-hidden)"


@pytest.fixture
def panels(lab: Any, page: Any, notebook: Any) -> Any:
    """A notebook with a panel of each kind in front."""
    if not (notebook.root / "single.ipynb").exists():
        notebook("single.ipynb", *CELLS)
        lab.open("single.ipynb")
        lab.run_all()
        expect(page.locator(f"{HERE} .pyros-single")).to_have_count(len(KINDS))
    elif page.evaluate("() => window.jupyterapp.shell.currentWidget?.context?.path") != "single.ipynb":
        lab.open("single.ipynb")
    lab.execute("import stand_in; o.picture = stand_in.night(); o.commands.clear()")
    return lab


def panel(page: Any, kind: str) -> Any:
    return page.locator(f"{HERE} .pyros-single").nth(KINDS.index(kind))


def test_every_panel_renders_with_its_roles(panels: Any, page: Any) -> None:
    expect(panel(page, "Telescope").get_by_role("region", name="Telescope")).to_be_visible()
    expect(panel(page, "Sky").locator(".pyros-sky-svg .thing")).to_have_count(6)
    expect(panel(page, "Sky").get_by_role("img", name=re.compile("^colibri points at"))).to_be_attached()
    expect(panel(page, "Weather").get_by_role("img", name=re.compile("^humidity"))).to_be_visible()
    expect(panel(page, "Camera").locator("img.pyros-image")).to_have_count(2)
    expect(panel(page, "Schedule").locator(".pyros-svg .slot")).to_have_count(7)
    expect(panel(page, "Schedule").locator(".pyros-why")).to_contain_text("An altitude limit of 41°")
    expect(panel(page, "Safety").get_by_role("table", name="Safety rules")).to_contain_text("dew forms")
    expect(panel(page, "Log").get_by_role("log")).to_contain_text("plan 3 of 12")


def test_north_is_up_and_east_is_left(panels: Any, page: Any) -> None:
    centres = page.evaluate(
        """here => { const svg = [...document.querySelectorAll(here + ' .pyros-sky-svg')].pop();
        const at = name => { const g = [...svg.querySelectorAll('.thing')].find(g => g.textContent.includes(name));
            return g.getAttribute('transform').match(/-?[\\d.]+/g).map(Number); };
        return [at('Crab pulsar'), at('M 33')]; }""",
        HERE,
    )
    (crab_x, crab_y), (m33_x, m33_y) = centres  # azimuths 95° and 285°
    assert crab_x < 0 < m33_x
    assert m33_y < 0 < crab_y


def test_clicks_and_choices_reach_the_kernel(panels: Any, page: Any) -> None:
    panel(page, "Agents").get_by_label("Agent", exact=True).select_option(label="Scheduler · running")
    panel(page, "Agents").get_by_role("button", name="Restart").click()
    expect(panel(page, "Agents").get_by_role("button", name="Restart")).to_be_enabled()
    panel(page, "Alerts").get_by_role("button", name="Send again").click()
    expect(panel(page, "Alerts").locator(".pyros-desk")).to_contain_text("taken <as a copy>")
    assert panels.execute("print(o.commands)") == "[('restart', 'Scheduler'), ('send', 'alerts/2026-11-23/swift.xml')]"
    panel(page, "Schedule").locator("select").select_option(label="Crab pulsar · 08:10–09:20")
    expect(panel(page, "Schedule").locator(".pyros-why")).to_contain_text("08:10–09:20 UTC")


def test_a_sequence_is_moved_with_the_keys_and_with_the_mouse(panels: Any, page: Any) -> None:
    begins = panels.execute("print([int(s.start_s) for s in o.picture.placed if s.name == 'Crab pulsar'][0])")
    crab = panel(page, "Schedule").locator(".curve.free", has_text="Crab pulsar")
    crab.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        crab.press(key)
    page.wait_for_timeout(300)
    panels.execute("import time; time.sleep(0.5)")
    assert panels.execute("print(o.commands)") == f"[('pin', '5', '{int(begins) + 600}.0')]"
    panels.execute("o.commands.clear()")
    bar = crab.locator(".bar").bounding_box()
    x, y = bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    expect(crab.locator(".ghost")).to_be_attached()
    page.mouse.up()
    expect(crab.locator(".ghost")).to_have_count(0)
    page.wait_for_timeout(300)
    panels.execute("import time; time.sleep(0.5)")
    assert panels.execute("print(o.commands[0][:2], float(o.commands[0][2]) > " + begins + ")") == "('pin', '5') True"


@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_every_text_can_be_read_in_each_theme(panels: Any, page: Any, pictures: Path, theme: str) -> None:
    panels.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {theme}")
    page.wait_for_timeout(300)
    try:
        seen, poor = page.evaluate(CONTRAST, [f"{HERE} .pyros-single", 4.5])
        assert seen > 300
        assert poor == []
        if theme == "Light":
            for kind in ("Telescope", "Camera", "Weather", "Schedule", "Alerts", "Safety"):
                panel(page, kind).screenshot(path=pictures / f"panel-{kind.lower()}.png")
    finally:
        panels.command("apputils:change-theme", {"theme": "JupyterLab Light"})


def test_nothing_sticks_out_at_500_pixels(panels: Any, page: Any) -> None:
    narrow = f"() => document.querySelectorAll('{HERE} .pyros-single').forEach(p => {{ p.style.width = '%s'; }})"
    page.evaluate(narrow % "500px")
    page.wait_for_timeout(500)
    wide = page.evaluate(
        """here => [...document.querySelectorAll(here + ' .pyros-single')].flatMap(panel => {
            const right = panel.getBoundingClientRect().right;
            return [...panel.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > right + 1
                && !e.closest('.scroll, defs') && getComputedStyle(e).visibility !== 'hidden')
                .map(e => `${e.tagName} ${e.className.baseVal ?? e.className}`); })""",
        HERE,
    )
    page.evaluate(narrow % "")
    assert wide == []


def test_a_panel_beside_the_notebook_shows_the_same(panels: Any, page: Any) -> None:
    panels.execute("side = widgets.LogPanel(o)")
    page.evaluate(
        """async () => { const panel = window.jupyterapp.shell.currentWidget;
        panel.content.activeCellIndex = 0; panel.content.activeCell.model.sharedModel.setSource("side.show('sidecar')");
        await window.jupyterapp.commands.execute('notebook:run-cell'); }"""
    )
    beside = page.locator(".jp-OutputArea, .jupyter-widgets-output-area").locator(".pyros-single .pyros-log")
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel", has_text="Log panel")).to_be_visible()
    expect(beside.last).to_contain_text("plan 3 of 12")
    panels.execute("side.close()")
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel", has_text="Log panel")).to_have_count(0)
