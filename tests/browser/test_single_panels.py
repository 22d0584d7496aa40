"""Panels that show one thing, in a real JupyterLab, over a made-up observatory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import contrast, sticking_out

KINDS = (
    *("Telescope", "Camera", "Weather", "Schedule", "Alerts", "Agents", "Safety", "Devices", "Log", "Sky"),
    *("Tasks", "Commands"),
)
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
    expect(panel(page, "Tasks").get_by_role("table", name="Tasks")).to_contain_text("its worker died")
    expect(panel(page, "Commands").get_by_label("Command", exact=True)).to_be_visible()
    expect(panel(page, "Agents").get_by_role("table")).to_contain_text("Majordome")
    expect(panel(page, "Devices").get_by_role("table")).to_contain_text("no answer from 127.0.0.1")
    expect(panel(page, "Alerts").get_by_role("region", name="By hand")).to_be_visible()


# Whatever can be pressed or filled in, with the name a screen reader says; a number of a tooltip is none.
CONTROLS = """here => [...document.querySelectorAll(here + ' .pyros-single')].flatMap(panel =>
    [...panel.querySelectorAll('button, input, select, textarea, [tabindex]')].map(e => ({
        name: (e.getAttribute('aria-label') || [...(e.labels || [])].map(l => l.textContent).join(' ')
            || e.textContent || e.title || '').trim(),
        what: `${e.tagName}.${e.className.baseVal ?? e.className}`, reached: e.tabIndex >= 0 || e.disabled })))"""


def test_every_control_has_a_name_and_is_reached_with_the_keyboard(panels: Any, page: Any) -> None:
    controls = page.evaluate(CONTROLS, HERE)
    assert len(controls) > 40
    assert [c for c in controls if not c["name"] or not c["reached"]] == []
    restart = panel(page, "Agents").get_by_role("button", name="Restart")
    panel(page, "Agents").get_by_label("Agent", exact=True).focus()
    page.keyboard.press("Tab")
    expect(restart).to_be_focused()
    page.keyboard.press("Enter")
    panels.until("print([c[0] for c in o.commands])", "['restart']")


def test_command_is_handed_over_and_taken_by_hand(panels: Any, page: Any) -> None:
    panels.execute("o.change(lease=stand_in.commanded(stand_in.ADA, stand_in.GRACE, 'a burst'))")
    desk = panel(page, "Safety").locator(".pyros-command")
    expect(desk.get_by_role("alert")).to_contain_text("asks for it: a burst")
    expect(desk.get_by_role("button", name="Ask for it")).to_be_disabled()
    desk.get_by_role("button", name="Hand over").click()
    panels.until("print(o.commands)", "[('hand over',)]")
    panels.execute("o.commands.clear(); o.change(lease=stand_in.commanded(stand_in.GRACE))")
    desk.get_by_label("Reason").fill("it rains here")
    desk.get_by_role("button", name="Break the glass").click()
    panels.until("print(o.commands)", "[('take over', 'it rains here')]")
    desk.get_by_label("Reason").fill("")


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
    panels.until("print(len(o.commands))", "1")
    panel(page, "Alerts").get_by_role("button", name="Send again").click()
    expect(panel(page, "Alerts").locator(".pyros-desk")).to_contain_text("taken <as a copy>")
    assert panels.execute("print(o.commands)") == "[('restart', 'Scheduler'), ('send', 'alerts/2026-11-23/swift.xml')]"
    panel(page, "Schedule").locator("select").select_option(label="Crab pulsar · 08:10–09:20")
    expect(panel(page, "Schedule").locator(".pyros-why")).to_contain_text("08:10–09:20 UTC")


def test_an_alert_is_asked_what_it_would_do_now_and_an_archived_one_replayed(panels: Any, page: Any) -> None:
    desk = panel(page, "Alerts").locator(".pyros-desk")
    desk.get_by_role("button", name="What would it do now?").click()
    expect(desk.get_by_role("status")).to_contain_text("would now be: observed at once")
    expect(desk.get_by_role("status")).to_contain_text("strategy <GRB> wants it")
    desk.get_by_label("File", exact=True).fill("archive/2022-09.tar.bz2")
    desk.get_by_label("At (UTC)").fill("2022-09-30T09:12:25")
    desk.get_by_role("button", name="Replay").click()
    expect(desk.get_by_role("status")).to_contain_text("2022-09.tar.bz2: replayed at 2022-09-30T09:12:25")
    asked = ("explain", "alerts/2026-11-23/swift.xml"), ("replay", "archive/2022-09.tar.bz2", "2022-09-30T09:12:25")
    assert panels.execute("print(tuple(o.commands))") == str(asked)


def test_a_sequence_without_a_place_is_drawn_with_what_it_needs(panels: Any, page: Any) -> None:
    schedule = panel(page, "Schedule")
    schedule.locator("select").select_option(label="Vega field · not placed")
    expect(schedule.locator(".pyros-svg .rejected title")).to_contain_text("the 60° it needs")
    expect(schedule.locator(".pyros-svg .rejected .needs")).to_be_attached()
    crab = schedule.locator(".curve", has_text="Crab pulsar")
    crab.focus()
    crab.press("Enter")
    expect(schedule.locator(".curve.chosen")).to_contain_text("Crab pulsar")
    expect(crab).to_be_focused()  # though the chart was drawn anew
    expect(schedule.locator(".pyros-svg .rejected")).to_have_count(0)


@pytest.mark.parametrize("names", [".names text", ".thing[tabindex] :is(.name, circle)"])
def test_no_name_in_the_charts_hides_another(panels: Any, page: Any, names: str) -> None:
    over = page.evaluate(
        """names => [...document.querySelectorAll('.pyros-svg')].map(svg => {
            const boxes = [...svg.querySelectorAll(names)].map(e => [e.textContent, e.getBoundingClientRect()]);
            return boxes.flatMap(([a, p], i) => boxes.slice(i + 1)
                .filter(([, q]) => p.left < q.right && q.left < p.right && p.top < q.bottom - 2 && q.top < p.bottom - 2)
                .map(([b]) => `${a} over ${b}`)); }).flat()""",
        names,
    )
    assert over == []


def test_a_sequence_is_moved_with_the_keys_and_with_the_mouse(panels: Any, page: Any) -> None:
    begins = panels.execute("print([int(s.start_s) for s in o.picture.placed if s.name == 'Crab pulsar'][0])")
    crab = panel(page, "Schedule").locator(".curve.free", has_text="Crab pulsar")
    crab.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        crab.press(key)
    panels.until("print(o.commands)", f"[('pin', '5', '{int(begins) + 600}.0')]")
    panels.execute("o.commands.clear()")
    bar = crab.locator(".bar").bounding_box()
    x, y = bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    expect(crab.locator(".ghost")).to_be_attached()
    page.mouse.up()
    expect(crab.locator(".ghost")).to_have_count(0)
    panels.until(f"print([(c[:2], float(c[2]) > {begins}) for c in o.commands])", "[(('pin', '5'), True)]")


def test_what_is_moved_stays_under_the_hand_when_the_schedule_changes(panels: Any, page: Any) -> None:
    begins = panels.execute("print([int(s.start_s) for s in o.picture.placed if s.name == 'Crab pulsar'][0])")
    schedule = panel(page, "Schedule")
    crab = schedule.locator(".curve.free", has_text="Crab pulsar")
    crab.focus()
    crab.press("ArrowRight")
    panels.execute("o.change(moon_curve=())")
    page.wait_for_timeout(600)  # two looks of the panel
    expect(crab.locator(".ghost")).to_be_attached()
    crab.press("Enter")
    panels.until("print(o.commands)", f"[('pin', '5', '{int(begins) + 300}.0')]")
    expect(schedule.locator(".pyros-svg .moon")).to_have_count(0)  # what changed is drawn now


@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_every_text_can_be_read_in_each_theme(panels: Any, page: Any, pictures: Path, theme: str) -> None:
    panels.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {theme}")
    try:
        seen, poor = contrast(page, f"{HERE} .pyros-single")
        assert seen > 300
        assert poor == []
        if theme == "Light":
            panel(page, "Schedule").locator("select").select_option(label="Vega field · not placed")
            expect(panel(page, "Schedule").locator(".pyros-why")).to_contain_text("Vega field")
            for kind in ("Telescope", "Camera", "Weather", "Schedule", "Alerts", "Safety"):
                panel(page, kind).screenshot(path=pictures / f"panel-{kind.lower()}.png")
    finally:
        panels.command("apputils:change-theme", {"theme": "JupyterLab Light"})


def test_nothing_sticks_out_at_500_pixels(panels: Any, page: Any) -> None:
    narrow = f"() => document.querySelectorAll('{HERE} .pyros-single').forEach(p => {{ p.style.width = '%s'; }})"
    page.evaluate(narrow % "500px")
    wide = sticking_out(page, f"{HERE} .pyros-single")
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
