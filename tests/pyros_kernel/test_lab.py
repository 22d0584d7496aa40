"""JupyterLab as ``pyros lab`` starts it, and the kernel in its launcher."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pyros_kernel.commands.lab import install_kernelspec, lab_command, lab_environment, run_lab


def test_the_kernel_is_installed_with_its_logos(tmp_path: Path) -> None:
    where = install_kernelspec(tmp_path)
    assert where == tmp_path / "share/jupyter/kernels/pyros"
    spec = json.loads((where / "kernel.json").read_text())
    assert spec["display_name"] == "PyROS"
    assert spec["argv"][0] == sys.executable
    assert (where / "logo-64x64.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (where / "logo-svg.svg").read_text()
    assert where.stat().st_mode & 0o055 == 0o055  # others of this machine may read it
    assert install_kernelspec(tmp_path) == where  # again is harmless


def test_lab_listens_on_this_machine_alone_and_asks_nobody_for_news() -> None:
    command = lab_command(Path("/n/night.ipynb"), browser=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--MappingKernelManager.buffer_offline_messages=False" in command
    assert "--no-browser" in command and "--no-browser" not in lab_command(Path("/n/night.ipynb"))
    assert ("--allow-root" in command) is (os.geteuid() == 0)
    [config, *_] = lab_environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    overrides = json.loads((Path(config) / "labconfig/default_setting_overrides.json").read_text())
    assert overrides["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false", "checkForUpdates": False}


def test_a_notebook_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no notebook .*gone\.ipynb"):
        run_lab(tmp_path / "gone.ipynb")


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / name))
    monkeypatch.setenv("JUPYTERLAB_WORKSPACES_DIR", str(tmp_path / "workspaces"))
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    path = tmp_path / "notebooks" / "n.ipynb"
    path.parent.mkdir()
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return path


def _ask(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "token secret"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


@contextlib.contextmanager
def _running_lab(notebook: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    code = (
        "import sys; from pathlib import Path; from pyros_kernel.commands.lab import run_lab\n"
        f"run_lab(Path({str(notebook)!r}), port={port}, browser=False, extra=['--IdentityProvider.token=secret'])"
    )
    log = notebook.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                _ask(port, "/api/status")
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_lab_and_its_kernels(notebook: Path, free_port: int, sign: signal.Signals) -> None:
    with _running_lab(notebook, free_port) as lab:
        _ask(free_port, "/api/kernels", {"name": "python3"})
        kernels = psutil.Process(lab.pid).children(recursive=True)
        assert kernels
        lab.send_signal(sign)
        assert lab.wait(20) == 0
        _, alive = psutil.wait_procs(kernels, timeout=5)
        assert not alive
