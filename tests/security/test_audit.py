"""The offline audit finds what was altered, what does not fit together and what is known to be weak."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.version import Version

from security.audit import altered, at_odds, read_floors, weak


def install(site: Path, name: str, version: str, needs: str = "") -> Path:
    module, info = site / f"{name}.py", site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    module.write_text("x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(module.read_bytes()).digest()).rstrip(b"=").decode()
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
    (info / "RECORD").write_text(f"{module.name},sha256={digest},6\n{info.name}/RECORD,,\n")
    return module


def packages(site: Path) -> list[Distribution]:
    return list(distributions(path=[str(site)]))


def test_a_file_that_was_altered_or_removed_is_named(tmp_path: Path) -> None:
    module = install(tmp_path, "comet", "3.1")
    assert altered(packages(tmp_path)) == []
    module.write_text("x = 2\n")
    assert altered(packages(tmp_path)) == ["comet 3.1: comet.py is not what was installed"]
    module.unlink()
    assert altered(packages(tmp_path)) == ["comet 3.1: comet.py is not what was installed"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("lxml>=5", ["comet 3.1 needs lxml>=5, 4.9 is there"]),
        ("lxml>=4", []),
        ("twisted", ["comet 3.1 needs twisted, which is not installed"]),
        ("twisted; extra == 'x'", []),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, needs: str, said: list[str]) -> None:
    install(tmp_path, "comet", "3.1", needs)
    install(tmp_path, "lxml", "4.9")
    assert at_odds(packages(tmp_path)) == said


def test_a_known_weakness_is_named_with_its_advisory(tmp_path: Path) -> None:
    install(tmp_path, "Jinja2", "3.1.5")
    floors = read_floors()
    assert weak(packages(tmp_path), floors) == ["Jinja2 3.1.5 has CVE-2025-27516: 3.1.6 or newer mends it"]
    assert all(Version(floor["version"]) and floor["advisory"].startswith("CVE-") for floor in floors.values())
