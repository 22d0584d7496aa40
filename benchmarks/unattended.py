"""A dashboard that nobody looks at: twelve hours of night with no browser, and how soon it stands after Run All.

The night runs on a clock 600 times faster, so it sends a panel's messages of 72 real seconds; as many as twelve real
hours of them would be are then sent at once, or what two minutes allow.  What must stay flat is the memory of the
server, which keeps messages for absent pages unless it is told not to (``pyros lab`` tells it), and that of the
kernel is shown beside.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient

from benchmarks.panels import DRAWN, PANEL, in_lab
from pyros_kernel.settings import ROOT

NIGHT_S = 12 * 3600.0
SPEED = 600.0
MESSAGES = int(NIGHT_S * 8)  # a dashboard sends some eight a second
_LOOK_REAL_S = 1.0
_SENT_REAL_S = 120.0
_OVER_REAL_S = 300.0
_NIGHT = f"""\
import time
from pyros_kernel import Observatory
night = Observatory(night="2022-09-29", speed={SPEED:g}, fixtures=({str(ROOT / "fixtures/night_2022-09-29.json")!r},))
_ = night.start()
_ = night.observe()
night.panel()"""
_FLOOD = f"""\
import ipywidgets, threading, time
spot, sent = ipywidgets.Label(), 0
def flood():
    global sent
    until = time.monotonic() + {_SENT_REAL_S}
    while sent < {MESSAGES} and time.monotonic() < until:
        sent += 1
        spot.value = f"<b>{{sent}}</b>" + 200 * "."
sender = threading.Thread(target=flood, daemon=True)
sender.start()"""


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    if shutil.which("chromium") is None:
        return [("a dashboard in JupyterLab", "not measured: chromium is missing: apt-get install chromium")]
    return [("Run All → dashboard drawn, a picture of a night", f"{_ready(PANEL):.1f} s"), *_unattended()]


def _ready(cell: str) -> float:
    with in_lab(cell) as (lab, _):
        return _run_all(lab)


def _run_all(lab: Any) -> float:
    began = time.monotonic()
    lab.run_all()
    lab.page.wait_for_selector(DRAWN, state="attached", timeout=120_000)
    return time.monotonic() - began


def _unattended() -> list[tuple[str, str]]:
    with in_lab(_NIGHT) as (lab, browser):
        rows = [("Run All → dashboard drawn, observatory and simulators started", f"{_run_all(lab):.1f} s")]
        server = psutil.Process(lab.server.process.pid)
        kernel = max(server.children(recursive=True), key=_memory)
        client = _client(lab.server.home)
        lab.page.close()
        rows += _watched(server, kernel, f"12 h of night in {NIGHT_S / SPEED:.0f} s", _after(NIGHT_S / SPEED))
        _ask(client, _FLOOD)
        flooded = _watched(
            server, kernel, "messages at once", lambda: _ask(client, "print(sender.is_alive())") == "False"
        )
        sent = int(_ask(client, "print(sent)"))
        rows.append(("messages sent with no browser", f"{sent}, as a dashboard in {sent / 8 / 3600:.1f} h"))
        rows += flooded
        page = browser.new_page(viewport={"width": 1500, "height": 2200})
        page.set_default_timeout(120_000)
        began = time.monotonic()
        type(lab)(page, lab.server, "panel.ipynb").run_all()
        page.wait_for_selector(DRAWN, state="attached", timeout=120_000)
        rows.append(("a page opened afterwards shows the dashboard", f"{time.monotonic() - began:.1f} s"))
        _ask(client, "night.stop()")
        client.stop_channels()
    return rows


def _client(home: Path) -> BlockingKernelClient:
    """Speak to the kernel past the server, as no page does any more."""
    [connection] = (home / "runtime").glob("kernel-*.json")
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return client


def _ask(client: BlockingKernelClient, code: str) -> str:
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    client.execute_interactive(code, timeout=120, store_history=False, output_hook=hear)
    return "".join(said).strip()


def _after(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _memory(process: psutil.Process) -> int:
    return process.memory_info().rss


def _watched(
    server: psutil.Process, kernel: psutil.Process, what: str, over: Callable[[], bool]
) -> list[tuple[str, str]]:
    """Look at the memory until something is over; the first fifth is for warming up."""
    seen: list[tuple[int, int]] = []
    deadline = time.monotonic() + _OVER_REAL_S
    while not over():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not over after {_OVER_REAL_S:.0f} s")
        seen.append((_memory(server), _memory(kernel)))
        time.sleep(_LOOK_REAL_S)
    rest = seen[len(seen) // 5 :] or [(_memory(server), _memory(kernel))]
    return [
        (f"no browser, {what}: memory of the {name}, MB", f"{rest[0][i] / 1e6:.1f} → {rest[-1][i] / 1e6:.1f}")
        for i, name in enumerate(("server", "kernel"))
    ]
