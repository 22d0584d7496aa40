"""One JupyterLab and one Chromium for all browser tests; ``--screenshots DIR`` keeps the pictures.

Both end with this package: Playwright keeps an event loop running in the thread of the tests meanwhile.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PANEL = [
    "from stand_in import StandIn\nfrom widgets import NightPanel",
    "o = globals().get('o') or StandIn(speed=1)\nNightPanel(o)",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", default=None, metavar="DIR", help="keep the pictures of the browser tests here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _lab_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pyros_tests_browser_lab", _HERE / "lab.py")
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="package")
def chromium() -> str:
    """The path of Chromium; where it is missing the tests are skipped, under PYROS_REQUIRE=all they fail."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        message = "chromium is missing: apt-get install chromium"
        if os.environ.get("PYROS_REQUIRE") == "all":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread; kernels and renderers live as long as the server and the browser."""
    before = set(threading.enumerate())
    yield
    left = {t for t in set(threading.enumerate()) - before if not t.name.startswith("asyncio_")}  # playwright's own
    assert not left, f"threads left behind: {left}"


@pytest.fixture(scope="package")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Write a notebook for the PyROS kernel where the server finds it; give its name."""
    root = tmp_path_factory.mktemp("notebooks")

    def write(name: str, *cells: str) -> str:
        made = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        made.metadata.kernelspec = {"name": "pyros", "display_name": "PyROS", "language": "python"}
        nbformat.write(made, root / name)
        return name

    write.root = root  # type: ignore[attr-defined]
    write("panel.ipynb", *PANEL)
    return write


@pytest.fixture(scope="package")
def server(chromium: str, notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A JupyterLab, ended by Ctrl-C, which must leave no kernel."""
    made = _lab_module().Server(notebook.root, tmp_path_factory.mktemp("lab"), [_ROOT, _HERE])
    try:
        yield made
        kernels = psutil.Process(made.process.pid).children(recursive=True)
        assert kernels, "the tests ran no kernel"
    finally:
        made.stop()
    _, alive = psutil.wait_procs(kernels, timeout=5)
    assert not alive, f"kernels outlived the server: {alive}"


@pytest.fixture(scope="package")
def page(chromium: str, server: Any) -> Iterator[Any]:
    """A page with the light theme that reaches only this machine; ``page.strays`` is what it tried besides."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # a promise of behaviour, not of speed: CI shares its cores
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        made = browser.new_page(viewport={"width": 1500, "height": 1800})
        made.set_default_timeout(60_000)
        failures: list[str] = []
        made.on("pageerror", lambda error: failures.append(f"{error}\n{error.stack}"))
        made.failures = failures  # type: ignore[attr-defined]
        with server_module(server).guarded(made) as strays:
            made.strays = strays  # type: ignore[attr-defined]
            yield made
        browser.close()


def server_module(server: Any) -> ModuleType:
    return sys.modules[type(server).__module__]


@pytest.fixture(scope="package")
def lab(page: Any, server: Any) -> Any:
    """JupyterLab with ``panel.ipynb`` open and run."""
    made = server_module(server).Lab(page, server, "panel.ipynb")
    made.run_all()
    page.wait_for_selector(".pyros-svg .slot")
    return made


@pytest.fixture
def night(lab: Any, page: Any) -> Iterator[Any]:
    """The panel's notebook in front, the made-up night as it was at the start."""
    if page.evaluate("() => window.jupyterapp.shell.currentWidget?.context?.path") != "panel.ipynb":
        lab.open("panel.ipynb")
    lab.execute("import stand_in; o.picture = stand_in.night(); o.commands.clear(); o.refusal = None")
    yield lab
    page.set_viewport_size({"width": 1500, "height": 1800})


@pytest.fixture(scope="package")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept: by the option, or for a run of all tests, which does not know it, by the variable."""
    wanted = request.config.getoption("--screenshots", default=None) or os.environ.get("PYROS_SCREENSHOTS")
    directory = Path(wanted) if wanted else tmp_path_factory.mktemp("pictures")
    directory.mkdir(parents=True, exist_ok=True)
    return directory
