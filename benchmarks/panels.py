"""The dashboard: messages a second and kernel time on a slow and a fast clock, and a click's way to the page and back.

The first two are counted in this process, over a real simulated night, without a browser; the click is timed in
Chromium, in a real JupyterLab, next to a bare ipywidgets button that writes a label: what no panel can undercut.
"""

from __future__ import annotations

import shutil
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets
import nbformat
from comm.base_comm import BaseComm
from nbformat.v4 import new_code_cell, new_notebook

from pyros_kernel import Observatory
from pyros_kernel.settings import ROOT
from widgets import NightPanel
from widgets.refresher import refresher

REAL_S = 8.0
LOOKS_PER_S = 4
CLICKS = 30
_BROWSER = ROOT / "tests" / "browser"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_BARE = """\
import ipywidgets as W
bare, said, clicked = W.Button(description="Bare"), W.HTML("<b class='bare-said'>0</b>"), []
bare.add_class("bare")
def on_click(_):
    clicked.append(1)
    said.value = f"<b class='bare-said'>{len(clicked)}</b>"
bare.on_click(on_click)
W.VBox([bare, said])"""
PANEL = "from stand_in import StandIn\nfrom widgets import NightPanel\no = StandIn(speed=600)\nNightPanel(o)"
DRAWN = ".pyros-svg .slot"
# Milliseconds from each click on the first enabled of some buttons until an element's text has changed.
_CLICK = """\
async ([buttons, shown, clicks]) => {
    const times = [];
    const text = () => document.querySelector(shown)?.textContent;
    for (let i = 0; i < clicks; i++) {
        const button = buttons.map(b => document.querySelector(b)).find(b => !b.disabled);
        const before = text(), began = performance.now();
        const changed = new Promise((done, fail) => {
            setTimeout(() => fail(new Error("nothing changed within 10 s of click " + i)), 10000);
            const look = new MutationObserver(() => {
                if (text() !== undefined && text() !== before) { look.disconnect(); done(); } });
            look.observe(document.body, {subtree: true, childList: true, characterData: true}); });
        button.click();
        await changed;
        times.push(performance.now() - began);
        await new Promise(done => setTimeout(done, 120 + 60 * Math.random()));
    }
    return times; }"""


class _Counted(BaseComm):
    messages: ClassVar[Counter[str]] = Counter()

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.messages[msg_type] += 1


@contextmanager
def _counting() -> Iterator[Counter[str]]:
    former = ipywidgets.comm.create_comm
    ipywidgets.comm.create_comm = lambda *_, **given: _Counted(**given)  # type: ignore[assignment]
    try:
        yield _Counted.messages
    finally:
        ipywidgets.comm.create_comm = former


def dashboard(speed: float) -> tuple[float, float, float]:
    """Look at a night for some seconds; give messages per second, and median and p95 of a refresh's CPU in ms."""
    with tempfile.TemporaryDirectory() as place, _counting() as messages:
        night = {"night": "2022-09-29", "start": "2022-09-30T08:00:00"}
        with Observatory(place, speed=speed, fixtures=("night_2022-09-29.json",), **night) as obs:
            obs.observe()
            with NightPanel(obs) as panel:
                refresher.remove(panel)
                time.sleep(2)
                obs.alerts.send("swift_bat_grb_1125809.xml")
                messages.clear()
                cpu_ms: list[float] = []
                until = time.monotonic() + REAL_S
                while time.monotonic() < until:
                    began = time.thread_time()
                    panel.refresh()
                    cpu_ms.append(1e3 * (time.thread_time() - began))
                    time.sleep(1 / LOOKS_PER_S)
                sent = messages.total()
    return sent / REAL_S, *_median_p95(cpu_ms)


@contextmanager
def in_lab(*cells: str) -> Iterator[tuple[Any, Any]]:
    """Open a notebook of these cells in JupyterLab in Chromium; give the lab (its server with it) and the browser."""
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import Lab, Server

    # What a kernel starts may write its last words while the directory goes.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place, sync_playwright() as playwright:
        root, home = Path(place) / "root", Path(place) / "home"
        root.mkdir()
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "pyros", "display_name": "PyROS", "language": "python"}
        nbformat.write(notebook, root / "panel.ipynb")
        server = Server(root, home, [ROOT, _BROWSER])
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            page = browser.new_page(viewport={"width": 1500, "height": 2200})
            page.set_default_timeout(120_000)  # a busy machine is measured too
            yield Lab(page, server, "panel.ipynb"), browser
            browser.close()
        finally:
            server.stop(signal.SIGTERM)  # a job of a script ignores the interrupt


def clicks() -> dict[str, list[float]]:
    """Time clicks in Chromium: on the dashboard's pause and resume, and on a bare button."""
    with in_lab(_BARE, PANEL) as (lab, _):
        lab.run_all()
        lab.page.wait_for_selector(DRAWN)
        targets = {
            "panel": [[".pyros-pause", ".pyros-resume"], ".pyros-panel [role=status]"],
            "bare button": [[".bare"], ".bare-said"],
        }
        return {name: lab.page.evaluate(_CLICK, [*where, CLICKS]) for name, where in targets.items()}


def _median_p95(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    rows: list[tuple[str, str]] = []
    for speed in (10, 600):
        rate, median, p95 = dashboard(speed)
        rows.append((f"dashboard at ×{speed}: messages per second", f"{rate:.1f}"))
        rows.append((f"dashboard at ×{speed}: kernel CPU per refresh, median, p95", f"{median:.1f} ms, {p95:.1f} ms"))
    if shutil.which("chromium") is None:
        return [*rows, ("click → kernel → page", "not measured: chromium is missing: apt-get install chromium")]
    times = clicks()
    for name, values in times.items():
        median, p95 = _median_p95(values)
        rows.append((f"click → kernel → page, {name}: median, p95", f"{median:.0f} ms, {p95:.0f} ms"))
    ratio = _median_p95(times["panel"])[0] / _median_p95(times["bare button"])[0]
    return [*rows, ("panel / bare button", f"{ratio:.2f}")]
