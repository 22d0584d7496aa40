"""What a panel lives through: a restarted kernel, a closed tab, a second browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab, contrast, guarded
from tests.browser.test_panel import COUNT
from tests.browser.test_single_panels import HERE

NAME = "survives.ipynb"
CELLS = ("import stand_in, widgets\no = globals().get('o') or stand_in.StandIn(speed=1)", "widgets.NightPanel(o)")
PANEL = f"{HERE} .pyros-panel"


@pytest.fixture
def survivor(lab: Any, page: Any, notebook: Any) -> Any:
    """A notebook of its own, with a panel, in front."""
    if not (notebook.root / NAME).exists():
        notebook(NAME, *CELLS)
    lab.open(NAME)
    lab.run_all()
    expect(page.locator(f"{PANEL} .slot")).to_have_count(7)
    lab.execute("o.picture = stand_in.night(); o.commands.clear()")
    return lab


def works(lab: Any, page: Any, why: str) -> None:
    """A click reaches the kernel, and what a thread changes comes to the page."""
    lab.execute(f"import threading; threading.Timer(0.1, o.in_state, ('observing', {why!r})).start()")
    expect(page.locator(f"{PANEL} header .why")).to_have_text(why)
    lab.execute("o.commands.clear()")
    page.locator(PANEL).get_by_role("button", name="Pause").click()
    lab.until("print(o.commands)", "[('pause', 'by hand, in the panel')]")


def test_a_restarted_kernel_shows_in_the_panel_and_the_cell_makes_a_new_one(survivor: Any, page: Any) -> None:
    survivor.restart()
    expect(page.locator(f"{HERE} .pyros-pulse span")).to_have_text("NO UPDATES")
    survivor.run_all()
    expect(page.locator(f"{PANEL} .slot")).to_have_count(7)
    assert survivor.execute(COUNT) == "1 1"
    works(survivor, page, "after the restart")


def test_a_closed_tab_ends_nothing(survivor: Any, page: Any) -> None:
    survivor.command("docmanager:save")
    survivor.command("application:close")
    expect(page.locator(".lm-TabBar-tabLabel", has_text=NAME)).to_have_count(0)
    survivor.open(NAME)
    expect(page.locator(f"{PANEL} .slot")).to_have_count(7)
    assert survivor.execute(COUNT) == "1 1"
    works(survivor, page, "after the tab")


def test_a_second_browser_shows_and_commands_the_same(survivor: Any, page: Any, server: Any) -> None:
    survivor.command("docmanager:save")
    with page.context.browser.new_context(viewport={"width": 1500, "height": 1800}) as context:
        second = context.new_page()
        with guarded(second) as strays:
            other = Lab(second, server, NAME)
            expect(second.locator(f"{PANEL} .slot")).to_have_count(7)
            works(other, second, "from the second browser")
            expect(page.locator(f"{PANEL}").get_by_role("status")).to_have_text("paused")
            page.locator(PANEL).get_by_role("button", name="Resume").click()
            expect(second.locator(f"{PANEL}").get_by_role("status")).to_have_text("observing")
            assert strays == []
    works(survivor, page, "after the second browser")


def test_the_read_only_page_follows_has_no_button_and_says_when_it_is_old(survivor: Any, page: Any) -> None:
    url = survivor.execute("from widgets.page import Page; served = Page(o); print(served.url)")
    with page.context.browser.new_context(color_scheme="dark") as context:
        visitor = context.new_page()
        with guarded(visitor) as strays:
            visitor.goto(url)
            survivor.execute("o.in_state('paused', 'seen without a kernel')")
            expect(visitor.locator("header .why")).to_have_text("seen without a kernel")
            expect(visitor.get_by_role("img", name=re.compile("^humidity"))).to_be_visible()
            assert visitor.locator("button, input, form").count() == 0
            assert contrast(visitor, "main")[1] == []
            survivor.execute("served.close()")
            expect(visitor.get_by_role("alert").filter(has_text="NO UPDATES")).to_be_visible()
            assert strays == []
    assert survivor.execute("print(o.commands)") == "[]"
