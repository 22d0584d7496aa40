"""JupyterLab with the "PyROS" kernel in its launcher."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from jupyter_client.kernelspec import KernelSpecManager

KERNEL = "pyros"
_FILES = Path(__file__).parents[1] / "kernelspec"


def install_kernelspec(prefix: str | Path = sys.prefix) -> Path:
    """Install the "PyROS" kernel: this Python's ipykernel, with ``obs`` in it from the start.

    :param prefix: where Jupyter looks for it, below ``share/jupyter/kernels``
    :return: the kernel's directory
    :raises OSError: if it can't be written there
    """
    spec = {
        "argv": [
            sys.executable,
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
            "--IPKernelApp.extra_extensions=pyros_kernel",
        ],
        "display_name": "PyROS",
        "language": "python",
        "metadata": {"debugger": True},
    }
    with tempfile.TemporaryDirectory(prefix="pyros-kernel-") as made:
        directory = Path(made)
        (directory / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
        for logo in ("logo-64x64.png", "logo-svg.svg"):
            shutil.copyfile(_FILES / logo, directory / logo)
        directory.chmod(0o755)  # a temporary directory is private, its copy must not be
        return Path(KernelSpecManager().install_kernel_spec(made, KERNEL, prefix=str(prefix)))


def run_lab(notebook: Path, *, port: int | None = None, browser: bool = True, extra: Sequence[str] = ()) -> NoReturn:
    """Become JupyterLab with a notebook open; Ctrl-C ends it and its kernels at once.

    :param notebook: the notebook to open; its directory is what Lab shows
    :param port: TCP port on the loopback; the first free one from 8888 if left out
    :param browser: whether to open the user's browser
    :param extra: further arguments of ``jupyter lab``
    :raises FileNotFoundError: if there is no such notebook
    """
    if not notebook.is_file():
        raise FileNotFoundError(f"no notebook {notebook}")
    command = lab_command(notebook.resolve(), port=port, browser=browser, extra=extra)
    # The same process, so that the terminal's Ctrl-C and a supervisor's SIGTERM reach Lab itself.
    os.execve(command[0], command, lab_environment())


def lab_command(
    notebook: Path, *, port: int | None = None, browser: bool = True, extra: Sequence[str] = ()
) -> list[str]:
    """Give the command line that :func:`run_lab` becomes."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={notebook.parent}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
        # Ctrl-C asks no question: the first one shuts the kernels down and ends.
        "--ServerApp.answer_yes=True",
        # With no page open the server would keep every message: 0.5 GB in a night of a panel.
        "--MappingKernelManager.buffer_offline_messages=False",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=",
    ]
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    if os.geteuid() == 0:
        command.append("--allow-root")
    return [*command, *extra]


def lab_environment() -> dict[str, str]:
    """Give the environment that :func:`run_lab` runs in: Lab's own settings, asking for no news."""
    paths = [str(_FILES), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
