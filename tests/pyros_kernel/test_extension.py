"""``%load_ext pyros_kernel``, in an IPython shell and before anything is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pyros_kernel
from pyros_kernel.extension import load_ipython_extension, unload_ipython_extension


class Shell:
    """What IPython offers an extension."""

    def __init__(self, **names: Any) -> None:
        self.user_ns = dict(names)
        self.magics: dict[str, Any] = {}

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        self.magics[magic_name] = func

    def set_hook(self, name: str, hook: Any, *, str_key: str) -> None: ...

    def push(self, variables: dict[str, Any]) -> None:
        self.user_ns.update(variables)

    def drop_by_id(self, variables: dict[str, Any]) -> None:
        for name, value in variables.items():
            if self.user_ns.get(name) is value:
                del self.user_ns[name]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYROS_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_obs_is_there_and_nothing_is_started(data: Path) -> None:
    shell = Shell()
    load_ipython_extension(shell)
    assert isinstance(shell.user_ns["obs"], pyros_kernel.Observatory)
    assert not shell.user_ns["obs"].running
    assert not data.exists()
    unload_ipython_extension(shell)
    assert "obs" not in shell.user_ns


def test_an_obs_of_the_users_is_left_alone() -> None:
    shell = Shell(obs="mine")
    load_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert shell.user_ns["obs"] == "mine"


def test_unloading_stops_the_observatory_and_keeps_what_the_user_put_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = Shell()
    load_ipython_extension(shell)
    stopped: list[bool] = []
    monkeypatch.setattr(pyros_kernel.Observatory, "stop", lambda self: stopped.append(True))
    shell.user_ns["obs"] = "mine"
    unload_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert stopped == [True]
    assert shell.user_ns["obs"] == "mine"


def test_a_second_load_gives_no_second_observatory() -> None:
    shell = Shell()
    load_ipython_extension(shell)
    first = shell.user_ns["obs"]
    load_ipython_extension(shell)
    assert shell.user_ns["obs"] is first
    unload_ipython_extension(shell)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, pyros_kernel; print(sorted({'sqlalchemy', 'astropy', 'numpy', 'IPython'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'telescope'"):
        _ = pyros_kernel.telescope
