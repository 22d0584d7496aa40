"""A simulated night, started, interrupted by an alert and stopped from the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

FIXTURES = Path(__file__).parents[2] / "fixtures"
NIGHT = f"""\
from pyros_kernel import Observatory
night = Observatory(
    night="2022-09-29", start="2022-09-30T08:00:00", speed=200, fixtures=({str(FIXTURES / "night_2022-09-29.json")!r},)
)
night.panel()"""


def test_a_night_is_started_watched_and_stopped_by_hand(lab: Any, page: Any, notebook: Any, pictures: Path) -> None:
    lab.open(notebook("real.ipynb", NIGHT))
    lab.run_all()
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pyros-panel")
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
        page.set_viewport_size({"width": 1500, "height": 2400})  # the whole panel is on the picture
        panel.screenshot(path=pictures / "night.png")
        page.set_viewport_size({"width": 1500, "height": 1800})
        panel.get_by_role("button", name="Stop night").click()
        expect(panel.get_by_role("button", name="Stop night")).to_be_disabled(timeout=15_000)
        expect(panel.locator(".pyros-errors")).to_be_hidden()
        report = lab.execute("print(night.report().as_uri())")
    finally:
        lab.execute("night.stop()")
    shows_by_itself(page, report)
    expect(status).to_have_text("observatory stopped")


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
