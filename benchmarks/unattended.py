"""A dashboard that nobody looks at: twelve hours of night with no browser, and how soon it stands after Run All.

The night runs on a clock 600 times faster, so it sends a panel's messages of 72 real seconds; as many as twelve real
hours of them would be are then sent at once, or what one minute allows.  What must stay flat is the memory of the
server, which keeps messages for absent pages unless it is told not to (``pyros lab`` tells it), and that of the
kernel is shown beside.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
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
_SENT_REAL_S = 60.0
_OVER_REAL_S = 300.0
_NIGHT = f"""\
import time
from pyros_kernel import Observatory
night = Observatory(night="2022-09-29", speed={SPEED:g}, fixtures=({str(ROOT / "fixtures/night_2022-09-29.json")!r},))
_ = night.start()
_ = night.observe()
night.panel()"""
_FLOOD = f"""\
import ipywidgets, os, threading, time
spot, sent = ipywidgets.Label(), 0
def flood():
    global sent
    until = time.monotonic() + {_SENT_REAL_S}
    while sent < {MESSAGES} and time.monotonic() < until:
        sent += 1
        spot.value = f"<b>{{{{sent}}}}</b>" + 200 * "."
    with open({{told!r}} + ".part", "w") as file:
        file.write(str(sent))
    os.replace({{told!r}} + ".part", {{told!r}})
threading.Thread(target=flood, daemon=True).start()"""


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


def _unattended() -> Iterator[tuple[str, str]]:
    with in_lab(_NIGHT) as (lab, browser):
        yield "Run All → dashboard drawn, observatory and simulators started", f"{_run_all(lab):.1f} s"
        home: Path = lab.server.home
        server = psutil.Process(lab.server.process.pid)
        kernel = max(server.children(recursive=True), key=_memory)
        lab.page.close()
        yield from _watched(server, kernel, f"12 h of night in {NIGHT_S / SPEED:.0f} s", _after(NIGHT_S / SPEED))
        told = home / "flooded"
        _tell(home, _FLOOD.format(told=str(told)))
        flooded = _watched(server, kernel, "messages at once", told.exists)
        sent = int(told.read_text())
        yield "messages sent at once with no browser", f"{sent}, as many as a dashboard's in {sent / 8 / 3600:.1f} h"
        yield from flooded
        page = browser.new_page(viewport={"width": 1500, "height": 2200})
        page.set_default_timeout(120_000)
        began = time.monotonic()
        type(lab)(page, lab.server, "panel.ipynb").run_all()
        page.wait_for_selector(DRAWN, state="attached", timeout=120_000)
        yield "a page opened afterwards shows the dashboard", f"{time.monotonic() - began:.1f} s"


def _tell(home: Path, code: str) -> None:
    """Give the kernel code past the server, as no page does any more; its answers are nobody's."""
    [connection] = (home / "runtime").glob("kernel-*.json")
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute(code, store_history=False)
    client.get_shell_msg(timeout=60)
    client.stop_channels()


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
