"""Drive a real JupyterLab in Chromium: a server, a notebook in it, and what its kernel and its page show."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page

from pyros_kernel.commands.lab import install_kernelspec, lab_command, lab_environment

UP_S = 60.0  # the first start on a cold disk takes half a minute
TRUE_S = 20.0  # a promise of behaviour, not of speed: CI shares its cores
SETTLED_S = 5.0
_READABLE = 4.5
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
_STICKING_OUT = """root => [...document.querySelectorAll(root)].flatMap(panel => {
    const right = panel.getBoundingClientRect().right;
    return [...panel.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > right + 1
        && !e.closest('.scroll, defs') && getComputedStyle(e).visibility !== 'hidden')
        .map(e => `${e.tagName} ${e.className.baseVal ?? e.className}`); })"""
Found = TypeVar("Found")
_DARK = {"theme": "JupyterLab Dark"}


class Server:
    """JupyterLab as ``pyros lab`` starts it, with settings, kernels and data of its own below ``home``."""

    def __init__(self, root: Path, home: Path, path: list[Path]) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        self.root, self.home, self.token = root, home, secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        install_kernelspec(home)
        autosave = home / "settings/@jupyterlab/docmanager-extension/plugin.jupyterlab-settings"
        autosave.parent.mkdir(parents=True)
        autosave.write_text('{"autosave": false}')  # a save in the background would change notebooks under test
        environment = {k: v for k, v in lab_environment().items() if not k.lower().endswith("_proxy")}
        environment |= {
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "share/jupyter"),
            "JUPYTER_PREFER_ENV_PATH": "0",  # its own kernel, not one that a setup left in the environment
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            "PYROS_DATA": str(home / "pyros"),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        command = lab_command(root / "panel.ipynb", port=self.port, browser=False)
        command += [f"--IdentityProvider.token={self.token}", "--expose-app-in-browser"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + UP_S
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                self.api("/api/status")
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"JupyterLab did not come up:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the server's REST interface."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """End it as a user does, with Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise


@contextlib.contextmanager
def guarded(page: Page) -> Iterator[list[str]]:
    """Stop and collect every request that would leave this machine."""
    strays: list[str] = []

    def stop(route: Any) -> None:
        strays.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith(("http://127.0.0.1:", "data:", "blob:")), stop)
    yield strays


def contrast(page: Page, root: str) -> tuple[int, list[str]]:
    """Count the texts below an element, and give those that can't be read, once a theme has settled."""

    def measure() -> tuple[int, list[str]]:
        seen, poor = page.evaluate(_CONTRAST, [root, _READABLE])
        return seen, poor

    return _settled(page, measure, lambda found: not found[1])


def sticking_out(page: Page, root: str) -> list[str]:
    """Give what stands out of an element to the right, once its charts are drawn at their width."""
    return _settled(page, lambda: page.evaluate(_STICKING_OUT, root), lambda found: not found)


def _settled(page: Page, look: Callable[[], Found], good: Callable[[Found], bool]) -> Found:
    deadline = time.monotonic() + SETTLED_S
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    while not good(found := look()) and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    return found


class Lab:
    """The notebook that is open in a page, driven through ``window.jupyterapp``."""

    def __init__(self, page: Page, server: Server, notebook: str, theme: str = "light") -> None:
        self.page, self.server = page, server
        page.goto(f"{server.url}/lab/tree/{notebook}?reset&token={server.token}", wait_until="domcontentloaded")
        self.ready()
        if theme == "dark":
            self.command("apputils:change-theme", _DARK)

    def ready(self) -> None:
        """Wait for the notebook's kernel; cells that run before are dropped silently."""
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")
        self.wait_idle()

    def open(self, notebook: str) -> None:
        """Open another notebook in the same page: much faster than a page of its own."""
        self.page.evaluate(
            """async path => {
                const panel = await window.jupyterapp.commands.execute('docmanager:open', {path});
                await panel.context.ready; await panel.sessionContext.ready; }""",
            notebook,
        )
        self.page.wait_for_function(
            "path => window.jupyterapp.shell.currentWidget?.context?.path === path", arg=notebook
        )
        self.wait_idle()

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Run a command of JupyterLab to its end."""
        self.page.evaluate(
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }",
            [name, arguments or {}],
        )

    def wait_idle(self) -> None:
        """Wait until the kernel of the notebook is there and does nothing."""
        self.page.wait_for_function(
            """() => {
                const panel = window.jupyterapp.shell.currentWidget;
                const kernel = panel?.sessionContext?.session?.kernel;
                return kernel?.status === 'idle' && kernel?.connectionStatus === 'connected'; }"""
        )

    def run_all(self) -> None:
        """Run every cell; returns when all are done."""
        self.command("notebook:run-all-cells")

    def execute(self, code: str) -> str:
        """Run code in the notebook's kernel, past the document; give what it printed.

        :raises AssertionError: if it raised
        """
        answer = self.page.evaluate(
            """async code => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({code, store_history: false, allow_stdin: false});
                let text = '', error = '';
                future.onIOPub = m => {
                    if (m.header.msg_type === 'stream') text += m.content.text;
                    if (m.header.msg_type === 'error') error = m.content.ename + ': ' + m.content.evalue; };
                await future.done;
                return [text, error]; }""",
            code,
        )
        assert not answer[1], answer[1]
        return str(answer[0]).strip()

    def until(self, code: str, said: str) -> None:
        """Run code in the notebook's kernel until it prints that.

        :raises AssertionError: with what it printed last
        """
        deadline = time.monotonic() + TRUE_S
        while (last := self.execute(code)) != said:
            assert time.monotonic() < deadline, last
            self.page.wait_for_timeout(50)

    def restart(self) -> None:
        """Restart the notebook's kernel, without the menu's question."""
        self.page.evaluate(
            "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
        )
        self.wait_idle()

    def shutdown(self) -> None:
        """End the notebook's kernel."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
