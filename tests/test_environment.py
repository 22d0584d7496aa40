"""environment.yml is the other way in: it must bring python and this project, and no list of its own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _dependencies(text: str) -> list[str | dict[str, list[str]]]:
    """Read the ``dependencies`` of a conda environment: names, and one ``pip`` list inside.

    Only the block style that environment.yml is written in is understood, so that no YAML reader is needed;
    any other line is an error.
    """
    found: list[str | dict[str, list[str]]] = []
    section = ""
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line:
            continue
        if match := re.fullmatch(r"(\w+):.*", line):
            section = match[1]
        elif section != "dependencies":
            continue
        elif match := re.fullmatch(r"  - pip:", line):
            found.append({"pip": []})
        elif match := re.fullmatch(r"      - (\S.*)", line):
            assert isinstance(found[-1], dict), line
            found[-1]["pip"].append(match[1])
        elif match := re.fullmatch(r"  - (\S+)", line):
            found.append(match[1])
        else:
            raise ValueError(f"environment.yml: {line!r} is not understood")
    return found


@pytest.fixture
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def dependencies() -> list[str | dict[str, list[str]]]:
    return _dependencies((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_it_brings_python_pip_and_this_project_only(dependencies: list[str | dict[str, list[str]]]) -> None:
    names = [re.split(r"[<>=! ]", d)[0] for d in dependencies if isinstance(d, str)]
    assert sorted(names) == ["pip", "python"]
    assert [d for d in dependencies if isinstance(d, dict)] == [{"pip": ["-e .[dev]"]}]


def test_its_python_is_the_projects(dependencies: list[str | dict[str, list[str]]], project: dict[str, object]) -> None:
    (python,) = [d for d in dependencies if isinstance(d, str) and d.startswith("python")]
    assert python == f"python{project['requires-python']}"


@pytest.mark.parametrize("line", ["    - numpy", "  numpy", "- numpy", "  - numpy pandas"])
def test_a_line_it_cannot_read_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        _dependencies(f"dependencies:\n  - python\n{line}\n")
