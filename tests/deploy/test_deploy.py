"""What deploy/ holds, as far as it can be checked without systemd's manager and without a container engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pyros_kernel.cli import main
from pyros_kernel.settings import ROOT
from pyros_kernel.tasks import app
from pyros_kernel.tasks.queues import queues_of
from tests.conftest import require

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("pyros*"))
KNOWN = {"PYROS_DATA", "PYROS_AGENT_CONFIG", "PYROS_DATABASE_URL", "PYROS_BROKER_URL"}
# Of the Compose specification (compose-spec.json), as far as the file uses it.
SERVICE_KEYS = {"image", "restart", "hostname", "environment", "ports", "volumes", "healthcheck"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one(unit: Path, tmp_path: Path) -> None:
    program = require("systemd-analyze", "apt-get install systemd")
    # Programs and users are not on this machine; everything else must be without a word of complaint.
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace("/opt/pyros/.venv/bin/pyros", "/bin/true")
        (tmp_path / each.name).write_text(text.replace("User=pyros", "User=root"), encoding="utf-8")
    name = unit.name.replace("@.", f"@{queues_of(app)[0]}.")
    if name != unit.name:
        (tmp_path / unit.name).rename(tmp_path / name)
    done = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "pyros" in line]) == (0, [])


def test_units_start_commands_that_are_there() -> None:
    found: list[str] = []
    for unit in UNITS:
        found += re.findall(r"^ExecStart=/opt/pyros/.venv/bin/pyros (\S+)", unit.read_text(encoding="utf-8"), re.M)
    assert sorted(found) == ["agents", "workers"]
    with main.make_context("pyros", ["--help"], resilient_parsing=True) as context:
        assert all(main.get_command(context, name) is not None for name in found)


def test_the_environment_names_what_pyros_reads() -> None:
    lines = (DEPLOY / "pyros.env").read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert names == KNOWN
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pyros_kernel").rglob("*.py"))
    assert all(f'"{name}"' in source for name in names)


def test_the_compose_file_is_one(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "services", "volumes"}
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert re.fullmatch(r"[a-z]+:[0-9.]+", service["image"]), name
        assert all(re.fullmatch(r"\$\{PYROS_\w+:-127\.0\.0\.1}:\d+:\d+", port) for port in service["ports"]), name
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in compose["volumes"], volume
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        for key, value in service["environment"].items():
            if "PASS" in key:
                assert re.fullmatch(r"\$\{PYROS_\w+:\?.+}", value), f"{name}: {key} must be given, not written here"
