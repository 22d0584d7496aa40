"""Look at the installed packages: whole as they were installed, at one with each other, above known weaknesses."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackagePath
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FLOORS = Path(__file__).with_name("floors.toml")


def altered(packages: Iterable[Distribution]) -> list[str]:
    """Name the files that are not what their package's RECORD says of them (PEP 376, PEP 627)."""
    found: list[str] = []
    for package in packages:
        for file in package.files or ():
            said = file.hash
            if said is None or "__pycache__" in file.parts:
                continue
            if not _matches(package, file, said.mode, said.value):
                found.append(f"{package.name} {package.version}: {file} is not what was installed")
    return found


def _matches(package: Distribution, file: PackagePath, mode: str, value: str) -> bool:
    try:
        content = Path(str(package.locate_file(file))).read_bytes()
    except OSError:
        return False
    digest = base64.urlsafe_b64encode(hashlib.new(mode, content).digest()).rstrip(b"=").decode()
    # A script begins with the path of the venv's Python, which changes when a venv is moved.
    return digest == value or file.parts[-2:-1] == ("bin",)


def at_odds(packages: Iterable[Distribution]) -> list[str]:
    """Name the requirements that what is installed does not meet."""
    known = list(packages)
    versions = {canonicalize_name(package.name): package.version for package in known}
    found: list[str] = []
    for package in known:
        for text in package.requires or ():
            try:
                need = Requirement(text)
            except InvalidRequirement:
                continue  # an old package's own way of writing; pip installed it all the same
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            there = versions.get(canonicalize_name(need.name))
            if there is None:
                found.append(f"{package.name} {package.version} needs {need.name}, which is not installed")
            elif not need.specifier.contains(there, prereleases=True):
                found.append(f"{package.name} {package.version} needs {need.name}{need.specifier}, {there} is there")
    return found


def weak(packages: Iterable[Distribution], floors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the packages that are older than the first one without a known weakness.

    :param floors: package → ``version`` and ``advisory``
    """
    found: list[str] = []
    for package in packages:
        floor = floors.get(canonicalize_name(package.name))
        if floor is not None and Version(package.version) < Version(str(floor["version"])):
            found.append(
                f"{package.name} {package.version} has {floor['advisory']}: {floor['version']} or newer mends it"
            )
    return found


def read_floors(path: Path = FLOORS) -> dict[str, dict[str, str]]:
    """Read the list of first versions without a known weakness."""
    return tomllib.loads(path.read_text(encoding="utf-8"))["floors"]
