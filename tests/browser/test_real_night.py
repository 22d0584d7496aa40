"""A simulated night, started, interrupted by an alert and stopped from the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_panel import COUNT

FIXTURES = Path(__file__).parents[2] / "fixtures"
NIGHT = (
    """\
from pyros_kernel import Observatory

night = Observatory(night="2022-09-29", start="2022-09-30T08:00", speed=50, fixtures=("night_2022-09-29.json",))""",
    "night.panel()",
    'night.panel("schedule")',
)
HERE = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def test_a_night_is_started_watched_and_stopped_by_hand(lab: Any, page: Any, notebook: Any, pictures: Path) -> None:
    lab.open(notebook("night.ipynb", *NIGHT))
    lab.run_all()
    panel = page.locator(f"{HERE} .pyros-panel:not(.pyros-single)")
    status = panel.get_by_role("status")
    expect(status).to_have_text("observatory stopped")
    panel.get_by_role("button", name="Start", exact=True).click()
    panel.get_by_role("button", name="Start night", exact=True).click()
    expect(status).to_have_text("observing", timeout=30_000)
    expect(panel.locator(".pyros-svg .slot").first).to_be_attached(timeout=30_000)
    expect(panel.locator("img.pyros-image").first).to_be_visible(timeout=30_000)
    try:
        lab.execute(f"night.alerts.send({str(FIXTURES / 'swift_bat_grb_1125809.xml')!r})")
        expect(panel.locator(".pyros-alerts .steps")).to_contain_text("slew", timeout=15_000)
        expect(panel.locator(".pyros-svg .curve.alert")).to_be_attached(timeout=30_000)
        expect(panel.get_by_role("region", name="Now", exact=True)).to_contain_text("1125809", timeout=30_000)
        portraits(lab, page, pictures)
        changed_by_hand(page)
        panel.get_by_role("button", name="Stop night").click()
        expect(panel.get_by_role("button", name="Stop night")).to_be_disabled(timeout=15_000)
        expect(panel.locator(".pyros-errors")).to_be_hidden()
        lab.run_all()  # again: the same night, in one panel of each kind
        assert lab.execute("print(night.running, len(night.snapshot().alerts))") == "True 1"
        assert lab.execute(COUNT) == "2 1"
        report = lab.execute("print(night.report().as_uri())")
    finally:
        lab.execute("night.stop()")
    shows_by_itself(page, report)
    expect(status).to_have_text("observatory stopped")


def changed_by_hand(page: Any) -> None:
    """Move, pin, release, drop and reprioritise a sequence that is still to come, and ask what would change it."""
    page.set_viewport_size({"width": 1500, "height": 5000})  # Lab renders only what is in view
    schedule = page.locator(f"{HERE} .pyros-single")
    # Five minutes later must still be before dawn, whatever the plan of this night has become.
    mine = schedule.locator(".curve.free").nth(-5)
    number = mine.get_attribute("data-id")
    mine = schedule.locator(f'.curve[data-id="{number}"]')
    mine.focus()
    for key in ("Enter", "ArrowRight", "Enter"):  # chosen; then five minutes later, and pinned there
        mine.press(key)
    expect(schedule.locator(f'.curve.pinned[data-id="{number}"]')).to_be_attached(timeout=30_000)
    why = schedule.locator(".pyros-why")
    expect(why).to_contain_text("pinned")
    schedule.get_by_role("button", name="Release").click()
    expect(schedule.locator(f'.curve.pinned[data-id="{number}"]')).to_have_count(0, timeout=30_000)
    priority = why.locator("dt:text-is('priority') + dd")
    before = float(priority.inner_text())
    schedule.get_by_role("button", name="Priority +").click()
    expect(priority).to_have_text(f"{before + 5:g}", timeout=30_000)
    schedule.get_by_role("button", name="Drop", exact=True).click()
    expect(why).to_contain_text("not placed", timeout=30_000)
    expect(why).to_contain_text("in the panel")
    expect(schedule.locator(".rejected")).to_be_attached()
    schedule.get_by_role("button", name="What would change it?").click()
    expect(why.get_by_role("status")).to_contain_text("dropped", timeout=30_000)
    expect(schedule.locator(".pyros-errors")).to_be_hidden()
    page.set_viewport_size({"width": 1500, "height": 1800})


def portraits(lab: Any, page: Any, pictures: Path) -> None:
    """Take the README's first pictures: JupyterLab with the night in it, in the light and the dark theme."""
    page.set_viewport_size({"width": 1240, "height": 1300})
    lab.command("application:toggle-mode")  # this notebook alone, without the other tests' tabs
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    for theme, name in (("Light", "night.png"), ("Dark", "night-dark.png")):
        lab.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
        page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=f"JupyterLab {theme}")
        page.wait_for_timeout(500)  # fonts and charts settle
        page.screenshot(path=pictures / name)
    lab.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    lab.command("application:toggle-mode")
    page.set_viewport_size({"width": 1500, "height": 1800})


def shows_by_itself(page: Any, report: str) -> None:
    """Open the report from disk, in a browser that reaches nothing: it is whole, and asks for nothing."""
    with page.context.browser.new_context(offline=True) as context:
        alone = context.new_page()
        asked: list[str] = []
        alone.on("request", lambda request: asked.append(request.url))
        alone.on("pageerror", lambda error: asked.append(str(error)))
        alone.goto(report)
        expect(alone.get_by_role("heading", level=1)).to_contain_text("night of 2022-09-29")
        assert [url for url in asked if url != report and not url.startswith("data:")] == []
        broken = "() => [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        assert alone.evaluate(broken) == 0 and alone.evaluate("() => document.images.length") > 0
